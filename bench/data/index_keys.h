/* Direct access to the index of a data set's store, which is mapped: for pairs in key order, runs
 * of consecutive keys, and the positions of records. */
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
    void *reserved; /* address range that contains the mapping, aligned for huge pages */
    size_t reserved_size;
};

/* index_keys_close may be called after a failed open, too, or if *index is zeroed. */
int index_keys_open(struct index_keys *index, const struct dataset *data,
                    struct bench_error *error);
void index_keys_close(struct index_keys *index);

/* The entry `number`, below pair_count, in the file. */
const unsigned char *index_keys_entry(const struct index_keys *index, uint64_t number);
/* Its key, in the format of the library. */
void index_keys_get(const struct index_keys *index, uint64_t number, unsigned char *key);
/* The position of its record. */
uint64_t index_keys_position(const struct index_keys *index, uint64_t number);

/* The number of the entry of a key, which must be in the store. */
uint64_t index_keys_find(const struct index_keys *index, const unsigned char *key);

#endif
