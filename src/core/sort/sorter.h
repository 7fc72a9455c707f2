/*
 * External sorting: any number of entries in bounded memory. Entries are collected in memory; when
 * it is full they are sorted and spilled as a run to a temporary file; the runs are merged when
 * read (Knuth, The Art of Computer Programming, vol. 3, section 5.4.1). An entry is a few 64-bit
 * words in lexicographic order; the last word distinguishes equal keys, so the order is unique.
 */
#ifndef IKV_SORTER_H
#define IKV_SORTER_H

#include "core/sort/sort.h"
#include "indexkv.h"

#include <stdbool.h>

struct ikv_sorter;

struct ikv_sorter_stats {
    uint64_t entries;
    uint64_t runs; /* spilled; 0: all entries stayed in memory */
    uint64_t spilled_bytes;
    uint64_t passes; /* of merging runs, over all entries */
    bool input_sorted;
};

struct ikv_sorter_options {
    uint32_t words;
    uint64_t memory;   /* limit for everything the sorter allocates */
    uint64_t expected; /* number of entries; 0: unknown */
    const char *dir;   /* for temporary files; copied */
};

int ikv_sorter_new(const struct ikv_sorter_options *options, struct ikv_sorter **ret);
void ikv_sorter_free(struct ikv_sorter *sorter); /* NULL is allowed */

int ikv_sorter_add(struct ikv_sorter *sorter, const uint64_t *entry);

/* All entries are added; ikv_sorter_next returns them in order. Progress is reported while runs are
 * merged into fewer ones. */
int ikv_sorter_finish(struct ikv_sorter *sorter, ikv_progress_fn progress, void *user);

/* The next entry, valid until the next call; NULL: the end, or an error in *ret_code. */
const uint64_t *ikv_sorter_next(struct ikv_sorter *sorter, int *ret_code);

void ikv_sorter_stats(const struct ikv_sorter *sorter, struct ikv_sorter_stats *ret);

#endif
