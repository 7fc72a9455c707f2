/* Index pages for tests of the page cache. The bytes of a page identify it. */
#ifndef TEST_PAGE_CACHE_PAGES_H
#define TEST_PAGE_CACHE_PAGES_H

#include "core/index/page_cache.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE_MAX 4231u /* 4096 and most of an entry of 136 bytes */
#define MANY          ((uint64_t)1 << 40)

/* The bytes of a page, valid until the next call. `version` distinguishes copies that were put into
 * the cache before and after a drop. */
const void *page_bytes(uint64_t page, unsigned version, uint32_t size);

struct ikv_page_cache *page_cache_new(uint64_t memory, uint64_t pages, uint32_t page_size);
struct ikv_page_cache_info page_cache_info(const struct ikv_page_cache *cache);
/* A cache of exactly `frames` frames; finds the memory that this takes by trying. */
struct ikv_page_cache *page_cache_of(uint64_t frames, uint64_t pages, uint32_t page_size);

/* Whether the page is in the cache. Fails the test if its bytes are wrong. */
bool page_hit(struct ikv_page_cache *cache, uint64_t page, unsigned version, uint32_t size);
/* Put version 0 of a page. Returns whether the cache keeps it. */
bool page_put(struct ikv_page_cache *cache, uint64_t page, uint32_t size);
/* Drop a page that is in the cache. */
void page_drop(struct ikv_page_cache *cache, uint64_t page);

#endif
