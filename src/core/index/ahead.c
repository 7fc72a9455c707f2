#include "core/index/ahead.h"

/* Few enough that their lines stay in the nearest cache. */
#define AHEAD 8

#define LINE 64

/* Where between the page's first key and the next page's the key is, in 1/64; a guess if they are
 * not known. */
static uint32_t guess_place(const struct ikv_search *search, uint32_t key, uint64_t page)
{
    const uint64_t *first = ikv_fence_of_page(search->fences, page);
    const uint64_t *next = ikv_fence_of_page(search->fences, page + 1);
    const uint64_t word = search->keys.entries[(size_t)key * search->keys.stride];

    if (!first || !next || *next <= *first || word < *first || word >= *next)
        return 32;
    return (uint32_t)((double)(word - *first) / (double)(*next - *first) * 64);
}

/* Prefetch what the search of a page will probably read: the entries that divide it into quarters,
 * those that divide the key's quarter, and the lines around the key's place. (Must be inlined, as
 * in fetch_pages.c.) */
static inline __attribute__((always_inline)) void prefetch_page(const unsigned char *bytes,
                                                                size_t size, uint32_t place)
{
    const size_t at = size * place / 64;
    const size_t quarter = size / 4;
    const unsigned char *part = bytes + at / quarter * quarter;

    for (size_t i = 1; i < 4; i++) {
        IKV_PREFETCH(bytes + i * quarter - 1);
        IKV_PREFETCH(part + i * quarter / 4 - 1);
    }
    IKV_PREFETCH(bytes + at);
    IKV_PREFETCH(bytes + (at >= LINE ? at - LINE : 0));
    IKV_PREFETCH(bytes + (at + LINE < size ? at + LINE : at));
}

uint32_t ikv_ahead_prefetch(const struct ikv_search *search, const struct ikv_page_cache *cache)
{
    const size_t size = IKV_PAGE_SIZE;
    uint32_t count = 0;

    if (search->index->leaf_size) /* leaves begin with records */
        return AHEAD;
    for (uint32_t chunk = search->queue_head; chunk != IKV_NO_CHUNK && count < AHEAD; count++) {
        IKV_PREFETCH(ikv_page_cache_set_of(cache, ikv_chunk_page(&search->chunks[chunk])));
        chunk = search->chunks[chunk].next;
    }
    uint32_t chunk = search->queue_head;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t page = ikv_chunk_page(&search->chunks[chunk]);
        const unsigned char *bytes = ikv_page_cache_peek(cache, page);
        if (bytes)
            prefetch_page(bytes, size, guess_place(search, chunk, page));
        chunk = search->chunks[chunk].next;
    }
    return count;
}
