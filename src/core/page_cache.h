/*
 * The cache of index pages: what lies between fences in memory and the index in the file. One
 * belongs to a store and is shared by all threads that look up in it.
 *
 * It is set-associative: page p has its place in set p % sets, in one of 8 ways. If there is room
 * for the whole index, every page has a place of its own, nothing is ever evicted, and once every
 * page was read the index is resident.
 *
 * Eviction is CLOCK (second chance) in each set: a hit sets the page's reference bit, the hand
 * clears it and takes the first page that has none. It comes close to LRU where some pages are
 * hotter than others, and a hit costs no more than the bit, in a word that is written anyway; LRU
 * and ARC would reorder lists under a lock. Where keys are uniform no policy gains anything over
 * the share of the index that fits; what counts is then not to spend time on it. So once a set is
 * full only every 8th page that misses is admitted: copying costs a misses' eighth, and pages that
 * are asked for often get in all the same.
 *
 * Nothing waits. A hit is one compare-and-swap that pins the way; a thread that finds a set busy
 * goes without. In the child of a fork a way that another thread had pinned, or was filling, stays
 * as it is, unused.
 */
#ifndef IKV_PAGE_CACHE_H
#define IKV_PAGE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ikv_page_cache;

/* A page that is held in place until it is released. */
struct ikv_page_pin {
    const unsigned char *bytes;
    bool verified; /* as it was put, or released */
    _Atomic uint64_t *way;
};

/* `memory`: most bytes for frames and tables; `pages` of the index, each of at most frame_size
 * bytes. *ret is NULL if there is no room for a set; all functions take NULL for a cache that holds
 * nothing. 0 or -ENOMEM. */
int ikv_page_cache_new(uint64_t memory, uint64_t pages, uint32_t frame_size,
                       struct ikv_page_cache **ret);
/* Nothing is pinned. */
void ikv_page_cache_free(struct ikv_page_cache *cache);

/* Look a page up and pin it. False: it is not there. */
bool ikv_page_cache_get(struct ikv_page_cache *cache, uint64_t page, struct ikv_page_pin *ret_pin);
/* `verified`: it was found intact, by whoever put it or by the caller. */
void ikv_page_cache_release(struct ikv_page_pin *pin, bool verified);

/* Keep a copy of a page that was read, perhaps. */
void ikv_page_cache_put(struct ikv_page_cache *cache, uint64_t page, const void *bytes, size_t size,
                        bool verified);
/* It was found damaged: the next one to need it shall read it again. */
void ikv_page_cache_drop(struct ikv_page_cache *cache, uint64_t page);

struct ikv_page_cache_info {
    uint64_t pages; /* held now */
    uint64_t most;
    uint64_t bytes; /* taken now, with the tables */
};
void ikv_page_cache_get_info(const struct ikv_page_cache *cache, struct ikv_page_cache_info *ret);

#endif
