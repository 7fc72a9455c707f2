#include "page_cache_pages.h"

#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

const void *page_bytes(uint64_t page, unsigned version, uint32_t size)
{
    static unsigned char bytes[PAGE_SIZE_MAX];
    rng_state rng = {page * 1000 + version};

    rng_fill(&rng, bytes, size);
    return bytes;
}

struct ikv_page_cache *page_cache_new(uint64_t memory, uint64_t pages, uint32_t page_size)
{
    struct ikv_page_cache *cache = NULL;

    assert_int_equal(ikv_page_cache_new(memory, pages, page_size, &cache), 0);
    return cache;
}

struct ikv_page_cache_info page_cache_info(const struct ikv_page_cache *cache)
{
    struct ikv_page_cache_info info;

    ikv_page_cache_info(cache, &info);
    return info;
}

struct ikv_page_cache *page_cache_of(uint64_t frames, uint64_t pages, uint32_t page_size)
{
    uint64_t memory = frames * page_size;

    for (;;) {
        struct ikv_page_cache *cache = page_cache_new(memory, pages, page_size);
        if (page_cache_info(cache).pages_max >= frames) {
            assert_int_equal(page_cache_info(cache).pages_max, frames);
            return cache;
        }
        ikv_page_cache_free(cache);
        memory += 64;
    }
}

bool page_hit(struct ikv_page_cache *cache, uint64_t page, unsigned version, uint32_t size)
{
    struct ikv_page_pin pin;
    const unsigned char *bytes = ikv_page_cache_get(cache, page, &pin);

    if (!bytes)
        return false;
    assert_int_equal((uintptr_t)bytes % 64, 0);
    assert_memory_equal(bytes, page_bytes(page, version, size), size);
    ikv_page_cache_release(&pin);
    return true;
}

bool page_put(struct ikv_page_cache *cache, uint64_t page, uint32_t size)
{
    return ikv_page_cache_put(cache, page, page_bytes(page, 0, size), size, false);
}

void page_drop(struct ikv_page_cache *cache, uint64_t page)
{
    struct ikv_page_pin pin;

    assert_non_null(ikv_page_cache_get(cache, page, &pin));
    ikv_page_cache_drop(cache, &pin);
    ikv_page_cache_release(&pin);
}
