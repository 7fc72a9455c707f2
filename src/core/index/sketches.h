/*
 * A sketch says where in a leaf a key is, without touching the leaf. The distance between the
 * leaf's fence and the next one is divided into 15 buckets, and the sketch, 64 bits, has the number
 * of entries in each:
 *
 *     bits 0 to 3   entries in bucket 0
 *     ...
 *     bits 56 to 59 entries in bucket 14
 *     bits 60 to 63 entries before the first that is counted
 *
 * A bucket of a leaf with 34 entries has two or three, in one or two cache lines. In larger leaves
 * only every few entries are counted. Entries are numbered from the end of the leaf, where the
 * directory ends, so that the number of all is not needed.
 *
 * A sketch is made from an intact leaf when lookups in memory visit it for the second time, and
 * made again whenever the leaf is verified again. So while a leaf counts as verified (map.h), a key
 * whose bucket has no such entry is absent. Apart from that sketches are hints: a wrong one finds
 * no key that is not there, because records are verified.
 */
#ifndef IKV_SKETCHES_H
#define IKV_SKETCHES_H

#include "core/platform/platform.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ikv_sketches {
    _Atomic uint64_t *leaves; /* NULL: none */
    void *memory;             /* contains them */
    uint32_t step;            /* one entry in this many is counted */
    uint32_t window; /* entries that lookups compare at once; smaller leaves have no sketch */
};

#define IKV_SKETCH_WINDOW_MIN 4u
#define IKV_SKETCH_WINDOW_MAX 8u
#define IKV_SKETCH_STEP_MAX   15u
#define IKV_SKETCH_BUCKETS    15u

/* Special values: never visited, visited once, has none. */
#define IKV_SKETCH_UNKNOWN 0u
#define IKV_SKETCH_VISITED UINT64_MAX
#define IKV_SKETCH_NONE    (UINT64_MAX - 1)

/* Size in bytes for `leaves` leaves. */
uint64_t ikv_sketches_memory(uint64_t leaves);
/* All unknown, for leaves with `entries` entries on average. -ENOMEM. */
int ikv_sketches_new(uint64_t leaves, uint64_t entries, struct ikv_sketches *ret);
void ikv_sketches_free(struct ikv_sketches *sketches); /* all zero is allowed */

static inline uint64_t ikv_sketch_of(const struct ikv_sketches *sketches, uint64_t leaf)
{
    return sketches->leaves ? atomic_load_explicit(&sketches->leaves[leaf], memory_order_relaxed)
                            : IKV_SKETCH_UNKNOWN;
}

static inline bool ikv_sketch_is_set(uint64_t sketch)
{
    return sketch + 2 > 2;
}

/* Note a visit to a leaf without a sketch. Returns whether the caller is to make one. */
bool ikv_sketch_claim(const struct ikv_sketches *sketches, uint64_t leaf);
void ikv_sketch_publish(const struct ikv_sketches *sketches, uint64_t leaf, uint64_t sketch);

/* A sketch being made: add all entries of the leaf, in order. */
struct ikv_sketch_maker {
    uint64_t bits;
    uint32_t step;
    uint32_t left;   /* entries to come */
    bool has_sketch; /* all buckets can be counted */
};
void ikv_sketch_begin(const struct ikv_sketches *sketches, uint32_t entries,
                      struct ikv_sketch_maker *maker);
/* `share`: where the entry is between the fences, 0 to UINT32_MAX. */
void ikv_sketch_add(struct ikv_sketch_maker *maker, uint32_t share);
uint64_t ikv_sketch_end(const struct ikv_sketch_maker *maker);

#define IKV_ALWAYS static inline __attribute__((always_inline))

/* The sum of all 16 numbers of 4 bits. */
IKV_ALWAYS uint32_t ikv_sketch_sum(uint64_t bits)
{
    const uint64_t ones = UINT64_MAX / 255;

    return (uint32_t)(((bits & ones * 15) + (bits >> 4 & ones * 15)) * ones >> 56);
}

/* Entries where a key may be: from the `from`-th from the end, to later ones. */
struct ikv_sketch_range {
    uint32_t from;
    uint32_t count;
    uint32_t share; /* where in the bucket the key is */
};

/* For a sketch that is set. */
IKV_ALWAYS struct ikv_sketch_range ikv_sketch_find(const struct ikv_sketches *sketches,
                                                   uint64_t sketch, uint32_t share)
{
    const uint64_t bucket = (uint64_t)share * IKV_SKETCH_BUCKETS; /* 32 bits of fraction */
    const uint64_t counts = sketch & (((uint64_t)1 << 4 * IKV_SKETCH_BUCKETS) - 1);
    const uint64_t rest = counts >> 4 * (bucket >> 32); /* this and later buckets */
    const uint32_t step = sketches->step;
    const uint32_t left = ikv_sketch_sum(rest);
    const uint32_t inside = rest & 15;

    if (IKV_LIKELY(step == 1))
        return (struct ikv_sketch_range){left, inside, (uint32_t)bucket};
    /* Up to the counted entry before the bucket, or the first of all. */
    const uint32_t most = ikv_sketch_sum(counts) * step + (uint32_t)(sketch >> 60);
    const uint32_t before = left * step + step - 1;
    const uint32_t from = before < most ? before : most;
    return (struct ikv_sketch_range){from, from - (left - inside) * step, (uint32_t)bucket};
}

#endif
