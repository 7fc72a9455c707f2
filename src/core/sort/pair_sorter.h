/*
 * Sorting any number of pairs, values and all, in bounded memory: collected in memory, sorted and
 * spilled as runs to a temporary file when full, merged when read. Pairs with equal keys come out
 * in the order in which they were added, or in the reverse order.
 *
 * Values above IKV_PAIR_VALUE_MAX are not carried along: each goes to a temporary file once, and is
 * read from there once.
 */
#ifndef IKV_PAIR_SORTER_H
#define IKV_PAIR_SORTER_H

#include "core/key/key.h"

#define IKV_PAIR_VALUE_MAX 65536u

struct ikv_pair_sorter;

struct ikv_pair_sorter_options {
    struct ikv_key_info key;
    uint64_t memory;   /* bytes for everything that the sorter holds; at least 1 MiB */
    const char *dir;   /* for temporary files; copied */
    bool latest_first; /* of equal keys the pair that was added last comes out first */
};

/* A pair in sorted order, valid until the next call of ikv_pair_sorter_next. */
struct ikv_sorted_pair {
    const unsigned char *key; /* stored form */
    const uint64_t *words;
    uint32_t size;
    const unsigned char *value; /* NULL: above IKV_PAIR_VALUE_MAX, see ikv_pair_sorter_read */
    uint64_t spool_offset;
};

struct ikv_pair_sorter_stats {
    uint64_t pairs;
    uint64_t runs; /* spilled; 0: all stayed in memory */
    uint64_t spilled_bytes;
    uint64_t passes; /* over all pairs, to merge runs */
};

int ikv_pair_sorter_new(const struct ikv_pair_sorter_options *options,
                        struct ikv_pair_sorter **ret);
void ikv_pair_sorter_free(struct ikv_pair_sorter *sorter); /* NULL is allowed */

/* Add a pair; both are copied. */
int ikv_pair_sorter_add(struct ikv_pair_sorter *sorter, const unsigned char *stored_key,
                        const void *value, uint32_t size);
/* The same with a value that is passed in pieces by ikv_pair_sorter_append, `size` bytes in sum;
 * for values above IKV_PAIR_VALUE_MAX. */
int ikv_pair_sorter_add_long(struct ikv_pair_sorter *sorter, const unsigned char *stored_key,
                             uint32_t size);
int ikv_pair_sorter_append(struct ikv_pair_sorter *sorter, const void *bytes, size_t size);

/* No more adds; after it ikv_pair_sorter_next gives the pairs in order. Progress is reported while
 * runs are merged to fewer ones. */
int ikv_pair_sorter_finish(struct ikv_pair_sorter *sorter, ikv_progress_fn progress, void *user);

/* 1: *ret is set; 0: there are no more; or a negative code. */
int ikv_pair_sorter_next(struct ikv_pair_sorter *sorter, struct ikv_sorted_pair *ret);

/* Part of a value that is above IKV_PAIR_VALUE_MAX. */
int ikv_pair_sorter_read(struct ikv_pair_sorter *sorter, const struct ikv_sorted_pair *pair,
                         uint32_t offset, void *buf, size_t size);

void ikv_pair_sorter_stats(const struct ikv_pair_sorter *sorter, struct ikv_pair_sorter_stats *ret);

#endif
