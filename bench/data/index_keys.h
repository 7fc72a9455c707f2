/* The store of a data set, mapped, with its index as it lies in the file: what is made for peers in
 * order of keys, runs of neighbours to look up, and places for the bound come from here. */
#ifndef BENCH_INDEX_KEYS_H
#define BENCH_INDEX_KEYS_H

#include "data/dataset.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

struct index_keys {
    struct dataset data;
    char path[PATH_MAX];
    ikv_info info;
    const unsigned char *file;
    void *reserved; /* the file begins in here, aligned so that it can be mapped by huge pages */
    size_t reserved_size;
};

/* What was opened, half opened or zeroed can be closed. */
int index_keys_open(struct index_keys *index, const struct dataset *data,
                    struct bench_error *error);
void index_keys_close(struct index_keys *index);

/* The entry with a number below pair_count: a key, in this form or in that of the caller's. */
const unsigned char *index_keys_entry(const struct index_keys *index, uint64_t number);
void index_keys_get(const struct index_keys *index, uint64_t number, unsigned char *key);
/* Where the record of an entry begins in the file. */
uint64_t index_keys_position(const struct index_keys *index, uint64_t number);

/* The number of the entry of a key that is there. */
uint64_t index_keys_find(const struct index_keys *index, const unsigned char *key);

#endif
