/*
 * Index pages kept in memory: one cache a store, bounded, shared by all threads that look up in it.
 *
 * It may forget a page at any time and decline any other: no answer depends on it. What it does
 * hand out are the bytes that were put in for that page, and they stay as they are while they are
 * pinned. No call waits for another thread, and none but `new` allocates.
 *
 * A child made by fork may go on using the cache. What other threads of its parent had pinned, or
 * were just changing, remains so in the child: a few places that take no other page any more.
 */
#ifndef IKV_PAGE_CACHE_H
#define IKV_PAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct ikv_page_cache;
struct ikv_page_way;

/* A page that can't go away. Belongs to the thread that got it, to be released soon. */
struct ikv_page_pin {
    struct ikv_page_way *way;
    bool verified; /* somebody has compared its checksum */
};

struct ikv_page_cache_info {
    uint64_t pages;      /* held now */
    uint64_t pages_max;  /* that there is room for */
    uint64_t memory;     /* bytes taken now: bookkeeping, and places that were ever used */
    uint64_t memory_max; /* bytes taken when it is full */
};

/*
 * A cache for an index of `pages` pages of at most `page_size` bytes each, in at most `memory`
 * bytes, all told. With memory for the whole index it never forgets a page. With memory for less
 * than a handful, *ret is NULL: no cache. 0 or -ENOMEM.
 *
 * All other functions take NULL for a cache that holds nothing.
 */
int ikv_page_cache_new(uint64_t memory, uint64_t pages, uint32_t page_size,
                       struct ikv_page_cache **ret);
/* Nothing may be pinned. */
void ikv_page_cache_free(struct ikv_page_cache *cache);

/* The bytes of a page, pinned until they are released; NULL: it is not there. */
const unsigned char *ikv_page_cache_get(struct ikv_page_cache *cache, uint64_t page,
                                        struct ikv_page_pin *pin);
void ikv_page_cache_release(const struct ikv_page_pin *pin);

/* The pinned page's checksum was compared and is right: true for all who get it from now on. */
void ikv_page_cache_verified(const struct ikv_page_pin *pin);
/* The pinned page is damaged: nobody gets it any more. It is still to be released. */
void ikv_page_cache_drop(struct ikv_page_cache *cache, const struct ikv_page_pin *pin);

/* Copy a page in that was read; `verified` as above. False: declined, or it is there already. */
bool ikv_page_cache_put(struct ikv_page_cache *cache, uint64_t page, const void *bytes,
                        uint32_t size, bool verified);

void ikv_page_cache_info(const struct ikv_page_cache *cache, struct ikv_page_cache_info *ret);

#endif
