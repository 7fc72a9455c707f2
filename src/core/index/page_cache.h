/*
 * A bounded cache of index pages, one per store, shared by all threads.
 *
 * It may evict any page at any time and decline to store any page: no answer depends on it. The
 * bytes that it returns are those that were stored for the page, and they do not change while
 * pinned. No call blocks, and only ikv_page_cache_new allocates.
 *
 * A forked child can go on using the cache. Pages that the parent's other threads had pinned, or
 * were changing, remain so in the child; their places are not reused.
 */
#ifndef IKV_PAGE_CACHE_H
#define IKV_PAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct ikv_page_cache;
struct ikv_page_way;

/* A pinned page. Belongs to the thread that got it, which must release it soon. */
struct ikv_page_pin {
    struct ikv_page_way *way;
    bool verified; /* its checksum was verified */
};

struct ikv_page_cache_info {
    uint64_t pages;      /* in the cache now */
    uint64_t pages_max;  /* capacity */
    uint64_t memory;     /* bytes used now: bookkeeping, and frames that were ever used */
    uint64_t memory_max; /* bytes used when it is full */
};

/*
 * Create a cache for an index of `pages` pages of at most `page_size` bytes each. It allocates at
 * most `memory` bytes. If they suffice for the whole index, no page is ever evicted; if they are
 * too few for a single set, *ret is NULL. 0 or -ENOMEM.
 *
 * All other functions accept NULL as an empty cache.
 */
int ikv_page_cache_new(uint64_t memory, uint64_t pages, uint32_t page_size,
                       struct ikv_page_cache **ret);
/* No page may be pinned. */
void ikv_page_cache_free(struct ikv_page_cache *cache);

/* The bytes of a page, pinned until released; NULL: not in the cache. */
const unsigned char *ikv_page_cache_get(struct ikv_page_cache *cache, uint64_t page,
                                        struct ikv_page_pin *pin);
void ikv_page_cache_release(const struct ikv_page_pin *pin);

/* For prefetching, of a cache that is not NULL: the address of what is known of a page's place, and
 * then where its bytes are, NULL if it is not in the cache. They may be those of another page by
 * the time that they are read. */
const void *ikv_page_cache_set_of(const struct ikv_page_cache *cache, uint64_t page);
const unsigned char *ikv_page_cache_peek(const struct ikv_page_cache *cache, uint64_t page);

/* The pinned page's checksum was verified: sets `verified` for later gets. */
void ikv_page_cache_set_verified(const struct ikv_page_pin *pin);
/* The pinned page is damaged: remove it from the cache. It must still be released. */
void ikv_page_cache_drop(struct ikv_page_cache *cache, const struct ikv_page_pin *pin);

/* Store a copy of a page. False: declined, or it is in the cache already. */
bool ikv_page_cache_put(struct ikv_page_cache *cache, uint64_t page, const void *bytes,
                        uint32_t size, bool verified);

void ikv_page_cache_info(const struct ikv_page_cache *cache, struct ikv_page_cache_info *ret);

#endif
