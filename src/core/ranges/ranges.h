/*
 * Ranges of keys, added in any order, may contain one another. They are returned in key order, cut
 * so that none overlap: a key belongs to the innermost range that contains it.
 *
 *     added      |-------------- a --------------|
 *                      |---- b ----|   |- c -|
 *                         |- d -|
 *     returned   |- a -|b |- d -|b |-a-|- c -|-a-|
 *
 * Ranges are sorted by start, wider ones first, in bounded memory. Those that are open at a point
 * contain one another, and so form a stack; all but the innermost are on a tape.
 */
#ifndef IKV_RANGES_H
#define IKV_RANGES_H

#include "core/format/trailer.h"

#include <stddef.h>

struct ikv_ranges;

struct ikv_ranges_options {
    struct ikv_key_info key;     /* at most IKV_RANGE_WIDTH_MAX wide */
    uint64_t memory;             /* for sorting; at least 2 MiB */
    const char *dir;             /* for temporary files; must outlive the object */
    ikv_duplicates on_duplicate; /* for ranges with the same start and end */
    ikv_overlap on_overlap;
};

struct ikv_ranges_stats {
    uint64_t ranges;  /* added */
    uint64_t dropped; /* as duplicates */
    uint64_t runs;    /* as in ikv_pair_sorter_stats */
    uint64_t spilled_bytes;
    uint64_t passes;
};

/* A range in stored form. */
struct ikv_range {
    unsigned char first[IKV_RANGE_WIDTH_MAX];
    unsigned char last[IKV_RANGE_WIDTH_MAX];
};

int ikv_ranges_new(const struct ikv_ranges_options *options, struct ikv_ranges **ret);
void ikv_ranges_free(struct ikv_ranges *ranges); /* NULL is allowed */

/* Keys are in stored form, start <= end. Everything is copied. */
int ikv_ranges_add(struct ikv_ranges *ranges, const unsigned char *start, const unsigned char *end,
                   const void *value, uint32_t size);

/* Receives a range; the pointers are valid during the call. */
typedef int (*ikv_range_fn)(void *user, const struct ikv_range *range, const void *value,
                            uint32_t size);
/* All ranges are added: pass the resulting ones to `put`, in key order. IKV_E_OVERLAP,
 * IKV_E_DUPLICATE: see ikv_ranges_conflict. An error of `put`. */
int ikv_ranges_finish(struct ikv_ranges *ranges, ikv_range_fn put, void *user,
                      ikv_progress_fn progress, void *progress_user);

/* After IKV_E_OVERLAP or IKV_E_DUPLICATE: the two ranges, as they were added. */
void ikv_ranges_conflict(const struct ikv_ranges *ranges, struct ikv_range *ret_outer,
                         struct ikv_range *ret_inner);
void ikv_ranges_stats(const struct ikv_ranges *ranges, struct ikv_ranges_stats *ret);

#endif
