/*
 * External sorting of pairs, keys with their values, in bounded memory: like the sorter of entries
 * (sorter.h). Pairs with equal keys are returned in the order in which they were added, or in the
 * reverse order.
 *
 * Values above IKV_PAIR_VALUE_MAX are not sorted along: each is written to a temporary file, the
 * spool, and read from there once.
 */
#ifndef IKV_PAIR_SORTER_H
#define IKV_PAIR_SORTER_H

#include "core/sort/pair.h"

struct ikv_pair_sorter;

struct ikv_pair_sorter_options {
    struct ikv_key_info key;
    uint64_t memory;   /* limit for everything the sorter allocates; at least 2 MiB */
    const char *dir;   /* for temporary files; copied */
    bool latest_first; /* of equal keys the pair added last comes first */
};

struct ikv_pair_sorter_stats {
    uint64_t pairs;
    uint64_t runs; /* spilled; 0: all pairs stayed in memory */
    uint64_t spilled_bytes;
    uint64_t passes; /* of merging runs, over all pairs */
};

int ikv_pair_sorter_new(const struct ikv_pair_sorter_options *options,
                        struct ikv_pair_sorter **ret);
void ikv_pair_sorter_free(struct ikv_pair_sorter *sorter); /* NULL is allowed */

/* Key and value are copied. */
int ikv_pair_sorter_add(struct ikv_pair_sorter *sorter, const unsigned char *stored_key,
                        const void *value, uint32_t size);
/* The same for values above IKV_PAIR_VALUE_MAX, which are passed in pieces to
 * ikv_pair_sorter_append, `size` bytes in total. */
int ikv_pair_sorter_add_long(struct ikv_pair_sorter *sorter, const unsigned char *stored_key,
                             uint32_t size);
int ikv_pair_sorter_append(struct ikv_pair_sorter *sorter, const void *bytes, size_t size);

/* All pairs are added; ikv_pair_sorter_next returns them in order. Progress is reported while runs
 * are merged into fewer ones. */
int ikv_pair_sorter_finish(struct ikv_pair_sorter *sorter, ikv_progress_fn progress, void *user);

/* 1: *ret is the next pair, valid until the next call; 0: the end; or a negative code. */
int ikv_pair_sorter_next(struct ikv_pair_sorter *sorter, struct ikv_sorted_pair *ret);

/* Read part of a value above IKV_PAIR_VALUE_MAX. */
int ikv_pair_sorter_read(struct ikv_pair_sorter *sorter, const struct ikv_sorted_pair *pair,
                         uint32_t offset, void *buf, size_t size);

void ikv_pair_sorter_stats(const struct ikv_pair_sorter *sorter, struct ikv_pair_sorter_stats *ret);

#endif
