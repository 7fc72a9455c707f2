/* Index pages held in memory are prefetched some steps before the search reads them: they are
 * rarely in the processor's caches, and the search of one waits for three lines in a row. */
#ifndef IKV_AHEAD_H
#define IKV_AHEAD_H

#include "core/index/page_cache.h"
#include "core/index/search.h"

/* Prefetch the next pages that the search waits for and the cache, which is not NULL, holds.
 * Returns how many of the waiting chunks this covers. */
uint32_t ikv_ahead_prefetch(const struct ikv_search *search, const struct ikv_page_cache *cache);

#endif
