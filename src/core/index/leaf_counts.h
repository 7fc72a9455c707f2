/*
 * Numbers of entries of leaves that lookups in memory have visited. Where the entries of a leaf
 * begin depends on their number, which is in its footer; with the number known, a lookup does not
 * touch the footer, which is in a cache line of its own.
 *
 * They are hints: a wrong one, of a leaf that has changed or is damaged, finds no key that is not
 * there, because records are verified. That a key is absent is concluded from an intact leaf only,
 * whose number is set at the same time.
 */
#ifndef IKV_LEAF_COUNTS_H
#define IKV_LEAF_COUNTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* All unknown; NULL: no memory. For free(). */
_Atomic uint16_t *ikv_leaf_counts_new(uint64_t leaves);

/* Size in bytes. */
uint64_t ikv_leaf_counts_memory(uint64_t leaves);

/* Number of entries of a leaf; 0: not known. */
static inline uint32_t ikv_leaf_counts_of(const _Atomic uint16_t *counts, uint64_t leaf)
{
    return counts ? atomic_load_explicit(&counts[leaf], memory_order_relaxed) : 0;
}

/* Set the number that a footer says, unless it is known. */
static inline void ikv_leaf_counts_note(_Atomic uint16_t *counts, uint64_t leaf, uint32_t count)
{
    uint16_t unknown = 0;

    if (counts)
        atomic_compare_exchange_strong(&counts[leaf], &unknown, (uint16_t)count);
}

/* Set the number of a leaf that is intact. */
static inline void ikv_leaf_counts_set(_Atomic uint16_t *counts, uint64_t leaf, uint32_t count)
{
    if (counts)
        atomic_store(&counts[leaf], (uint16_t)count);
}

#endif
