/*
 * Numbers of entries of leaves. Where the entries of a leaf begin depends on their number, which is
 * in its footer; with the number known, a lookup does not touch the footer, which is in a cache
 * line of its own. If all values have the same size, the numbers are known when the store is
 * opened, and take no memory. Others are noted when lookups in memory visit the leaves.
 *
 * They are hints: a wrong one, of a leaf that has changed or is damaged, finds no key that is not
 * there, because records are verified. That a key is absent is concluded from an intact leaf only,
 * which has the number that is known, see ikv_leaf_counts_set.
 */
#ifndef IKV_LEAF_COUNTS_H
#define IKV_LEAF_COUNTS_H

#include "core/format/format.h"

#include <stdatomic.h>

/* All zero: nothing is known. */
struct ikv_leaf_counts {
    uint32_t inner; /* of all leaves but the first and the last; 0: see `each` */
    uint32_t first;
    uint32_t last;
    uint64_t last_leaf;
    _Atomic uint16_t *each; /* 0: not known; NULL: none is noted */
};

/* If all values, of `size` bytes in the file, make full leaves, set their numbers. */
bool ikv_leaf_counts_derive(struct ikv_leaf_counts *ret, const struct ikv_geometry *leaves,
                            uint32_t size);

/* Be ready to note numbers. Without memory for it, none is noted. */
void ikv_leaf_counts_new(struct ikv_leaf_counts *ret, uint64_t leaves);
void ikv_leaf_counts_free(struct ikv_leaf_counts *counts);

/* Bytes needed to note the numbers of so many leaves. */
uint64_t ikv_leaf_counts_memory(uint64_t leaves);

/* Number of entries of a leaf; 0: not known. */
static inline uint32_t ikv_leaf_counts_of(const struct ikv_leaf_counts *counts, uint64_t leaf)
{
    if (counts->inner)
        return leaf == 0 ? counts->first : leaf == counts->last_leaf ? counts->last : counts->inner;
    return counts->each ? atomic_load_explicit(&counts->each[leaf], memory_order_relaxed) : 0;
}

/* Note the number that a footer says, unless one is known. */
static inline void ikv_leaf_counts_note(const struct ikv_leaf_counts *counts, uint64_t leaf,
                                        uint32_t count)
{
    uint16_t unknown = 0;

    if (counts->each)
        atomic_compare_exchange_strong(&counts->each[leaf], &unknown, (uint16_t)count);
}

/* Note the number of a leaf that is intact. False: another one was derived and stays. */
static inline bool ikv_leaf_counts_set(const struct ikv_leaf_counts *counts, uint64_t leaf,
                                       uint32_t count)
{
    if (counts->inner)
        return ikv_leaf_counts_of(counts, leaf) == count;
    if (counts->each)
        atomic_store(&counts->each[leaf], (uint16_t)count);
    return true;
}

#endif
