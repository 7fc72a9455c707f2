/* Pages that were visited before, a bit each: only a page that is visited a second time is worth a
 * copy in the page cache. (The doorkeeper of TinyLFU: Einziger, Friedman and Manes, 2017.) A hint,
 * shared by threads without a lock. */
#ifndef IKV_VISITED_H
#define IKV_VISITED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A bit for each of `pages`; NULL: no memory. For free(). */
_Atomic uint64_t *ikv_visited_new(uint64_t pages);

static inline uint64_t ikv_visited_memory(uint64_t pages)
{
    return (pages + 63) / 64 * sizeof(uint64_t);
}

/* Note a visit. Returns whether there was one before. */
static inline bool ikv_visited_again(_Atomic uint64_t *visited, uint64_t page)
{
    const uint64_t bit = (uint64_t)1 << (page % 64);
    _Atomic uint64_t *word = &visited[page / 64];

    if (atomic_load_explicit(word, memory_order_relaxed) & bit)
        return true;
    atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    return false;
}

#endif
