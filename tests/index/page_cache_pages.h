/* A cache of index pages under test: pages whose bytes tell which they are. */
#ifndef TEST_PAGE_CACHE_PAGES_H
#define TEST_PAGE_CACHE_PAGES_H

#include "core/index/page_cache.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE_MAX 4231u /* 4096 and most of an entry of 136 bytes */
#define MANY          ((uint64_t)1 << 40)

/* The bytes of a page, until the next call; `version` tells what was put in before a drop from what
 * was put in later. */
const void *page_bytes(uint64_t page, unsigned version, uint32_t size);

struct ikv_page_cache *page_cache_new(uint64_t memory, uint64_t pages, uint32_t page_size);
struct ikv_page_cache_info page_cache_info(const struct ikv_page_cache *cache);
/* A cache of exactly `frames` frames, found by asking: what more memory does is tested elsewhere.
 */
struct ikv_page_cache *page_cache_of(uint64_t frames, uint64_t pages, uint32_t page_size);

/* True: a hit, with the right bytes. */
bool page_hit(struct ikv_page_cache *cache, uint64_t page, unsigned version, uint32_t size);
/* Put version 0. Whether it was kept. */
bool page_put(struct ikv_page_cache *cache, uint64_t page, uint32_t size);
/* Drop a page that is held. */
void page_drop(struct ikv_page_cache *cache, uint64_t page);

#endif
