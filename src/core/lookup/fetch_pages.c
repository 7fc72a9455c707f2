#include "core/lookup/fetch_pages.h"

#include "core/index/ahead.h"
#include "core/lookup/deliver.h"
#include "core/lookup/read.h"
#include "core/platform/probes.h"

#define DIRECTORY_PREFETCHED 512u /* bytes, at most */

static struct ikv_level_stats *level_of(struct ikv_run *run, uint32_t chunk)
{
    uint32_t level = run->search.chunks[chunk].level;

    if (level >= IKV_LEVELS_MAX)
        level = IKV_LEVELS_MAX - 1;
    if (run->stats.levels <= level)
        run->stats.levels = level + 1;
    return &run->stats.level[level];
}

/* The expected checksum of a page in the slot, or (slot NULL) held in memory; NULL: none. */
static const unsigned char *checksum_of(const struct ikv_run *run, const struct ikv_slot *slot,
                                        uint64_t page)
{
    const struct ikv_batch *batch = run->batch;

    if (batch->page_sums)
        return batch->page_sums + page * IKV_PAGE_CHECKSUM_SIZE;
    if (batch->page_sums_offset && slot)
        return slot->sums.bytes + (page - slot->first_page) * IKV_PAGE_CHECKSUM_SIZE;
    return NULL;
}

/* Feed a page to the search. Returns false if it turned out to be damaged. */
static bool feed_page(struct ikv_run *run, uint32_t chunk, struct ikv_page *page)
{
    const struct ikv_search *search = &run->search;
    const struct ikv_geometry *index = run->batch->index;
    const uint32_t corrupt = search->corrupt_pages;
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    const uint32_t hits = search->hit_count;
    ikv_search_feed(&run->search, chunk, page);
    if (index->leaf_size)
        ikv_deliver_leaf(run, page, hits);
    ikv_learn_note(&run->learned, index, search->fences, page);
    if (search->corrupt_pages == corrupt)
        return true;
    ikv_key_store(&index->key, search->keys.entries + (size_t)chunk * search->keys.stride, stored);
    ikv_run_note(run, IKV_E_INDEX, ikv_page_offset(index, page->number), stored,
                 index->leaf_size ? "wrong leaf checksum"
                                  : "wrong checksum or order of an index page");
    return false;
}

/* Feed one page of a slot to the chunks that wait for it, beginning with slot->chunks[first], and
 * offer it to the cache. Returns the index of the first chunk that waits for another page. */
static uint32_t feed_page_of(struct ikv_run *run, const struct ikv_slot *slot, uint32_t first)
{
    const struct ikv_batch *batch = run->batch;
    const struct ikv_geometry *index = batch->index;
    const uint64_t number = ikv_chunk_page(&run->search.chunks[slot->chunks[first]]);
    const unsigned char *bytes = slot->data.bytes + (ikv_page_offset(index, number) -
                                                     ikv_page_offset(index, slot->first_page));
    struct ikv_page page;
    bool intact = true;
    uint32_t i = first;

    ikv_page_set(index, number, bytes, checksum_of(run, slot, number), &page);
    do {
        intact = feed_page(run, slot->chunks[i++], &page) && intact;
    } while (i < slot->chunk_count &&
             ikv_chunk_page(&run->search.chunks[slot->chunks[i]]) == number);
    /* A mapped page needs no copy, unless the cache is to know that it is intact. */
    if (intact && batch->cache && (!slot->is_mapped || page.verified) &&
        (!batch->visited || ikv_visited_again(batch->visited, number)))
        (void)ikv_page_cache_put(batch->cache, number, bytes,
                                 (uint32_t)ikv_pages_size(index, number, 1), page.verified);
    return i;
}

static struct ikv_level_stats *probe(struct ikv_run *run, uint32_t chunk)
{
    struct ikv_level_stats *level = level_of(run, chunk);

    level->probes++;
    run->stats.probes++;
    return level;
}

/* Feed the next page if it is held in memory. */
static bool feed_cached(struct ikv_run *run, uint64_t number)
{
    struct ikv_page_cache *cache = run->batch->cache;
    struct ikv_page_pin pin;
    struct ikv_page page;

    const struct ikv_geometry *index = run->batch->index;

    if (cache && run->prefetched == 0)
        run->prefetched = ikv_ahead_prefetch(&run->search, cache);
    run->prefetched -= run->prefetched > 0;
    const unsigned char *bytes = ikv_page_cache_get(cache, number, &pin);
    if (!bytes)
        return false;
    const uint32_t chunk = ikv_search_next(&run->search, &number);
    probe(run, chunk);
    run->stats.cached++;
    /* Lookups in memory need a residency hint for this page, and no read will set one. */
    if (run->map) {
        (void)ikv_map_query(run->map, ikv_page_offset(index, number),
                            ikv_pages_size(index, number, 1));
    }
    ikv_page_set(index, number, bytes, checksum_of(run, NULL, number), &page);
    page.verified = pin.verified;
    if (!feed_page(run, chunk, &page))
        ikv_page_cache_drop(cache, &pin);
    else if (page.verified && !pin.verified)
        ikv_page_cache_set_verified(&pin);
    ikv_page_cache_release(&pin);
    return true;
}

/* With IKV_GET_BARRIER, pages of a level wait until the level above is finished. */
static bool barrier_holds(struct ikv_run *run, uint64_t page)
{
    if (page == UINT64_MAX || !(run->batch->options.flags & IKV_GET_BARRIER))
        return false;
    const uint32_t level = run->search.chunks[run->search.queue_head].level;
    if (level != run->barrier_level && run->pages_in_flight > 0)
        return true;
    run->barrier_level = level;
    return false;
}

static bool may_contain(const struct ikv_run *run, uint64_t leaf, uint32_t key)
{
    const struct ikv_search *search = &run->search;
    const struct ikv_key_info *info = &search->index->key;
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    ikv_key_store(info, search->keys.entries + (size_t)key * search->keys.stride, stored);
    return ikv_filters_may_contain(run->batch->filters, leaf,
                                   ikv_filter_hash(search->index->seed, stored, info->width));
}

/* If the filter says that all keys that wait for the next page are absent, answer them without the
 * page. Resident pages are searched instead. */
static bool skip_absent(struct ikv_run *run, uint64_t page)
{
    struct ikv_search *search = &run->search;
    const struct ikv_geometry *index = search->index;

    if (!run->batch->filters || page == UINT64_MAX)
        return false;
    const uint32_t chunk = search->queue_head;
    const uint32_t end = search->chunks[chunk].key_end;
    if (search->chunks[chunk].page_end - search->chunks[chunk].page_begin > 1 ||
        (run->map && ikv_map_is_resident(run->map, ikv_page_offset(index, page), index->leaf_size)))
        return false;
    for (uint32_t key = chunk; key < end; key++) {
        run->stats.filter_asked++;
        if (may_contain(run, page, key))
            return false;
    }
    run->stats.filter_answered += end - chunk;
    (void)ikv_search_next(search, &page);
    ikv_search_fail(search, chunk, IKV_MISSING);
    return true;
}

/* Prefetch what completing these pages will write, and what planning the next one will read. (Must
 * be inlined: gcc takes a function that only prefetches for one without effect, and drops the
 * call.) */
static inline __attribute__((always_inline)) void prefetch(const struct ikv_run *run,
                                                           const struct ikv_slot *slot)
{
    const struct ikv_search *search = &run->search;

    IKV_PREFETCH_WRITE(&search->status[slot->chunks[0]]);
    IKV_PREFETCH_WRITE(&search->hits[search->hit_count + run->pages_in_flight]);
    if (run->batch->page_sums)
        IKV_PREFETCH(run->batch->page_sums + slot->first_page * IKV_PAGE_CHECKSUM_SIZE);
    if (search->queue_head != IKV_NO_CHUNK) {
        IKV_PREFETCH(&search->chunks[search->queue_head]);
        IKV_PREFETCH(search->keys.entries + (size_t)search->queue_head * search->keys.stride);
    }
}

/* Whether a page can share a read with the last one: it is the same or the next. Of a source, the
 * next one is read separately: the backend merges requests, and many small reads take less memory
 * than few large ones. */
static bool follows(const struct ikv_run *run, uint64_t last, uint64_t page)
{
    return page == last ||
           (page == last + 1 && !run->file->source && ikv_page_adjoins(run->batch->index, page));
}

/* Take the next page that the search waits for, and its neighbours if these are next. */
static void collect_pages(struct ikv_run *run, struct ikv_slot *slot)
{
    const struct ikv_geometry *index = run->batch->index;
    const bool single = run->batch->options.probe == IKV_PROBE_ENTRY;
    const uint32_t page_size = index->leaf_size ? index->leaf_size : IKV_PAGE_SIZE;
    const uint32_t max = single ? 1 : run->window->slot_size / page_size;
    uint64_t page = ikv_search_peek(&run->search);
    uint64_t last = page;

    slot->first_page = page;
    slot->chunk_count = 0;
    do {
        uint32_t chunk = ikv_search_next(&run->search, &last);
        slot->chunks[slot->chunk_count++] = chunk;
        probe(run, chunk);
        do
            page = ikv_search_peek(&run->search);
        while (slot->chunk_count < max && follows(run, last, page) && skip_absent(run, page));
    } while (slot->chunk_count < max && follows(run, last, page) && !barrier_holds(run, page));
    slot->page_count = (uint32_t)(last - slot->first_page + 1);
    run->stats.merged += slot->chunk_count - 1;
}

/* Bytes at the end of a leaf that a search looks at, about. */
static uint32_t directory_size(const struct ikv_geometry *index)
{
    return (uint32_t)ikv_min(index->count / index->pages * index->stride + IKV_LEAF_FOOTER_SIZE,
                             DIRECTORY_PREFETCHED);
}

static void read_pages(struct ikv_run *run, struct ikv_slot *slot)
{
    const struct ikv_batch *batch = run->batch;
    const uint64_t offset = ikv_page_offset(batch->index, slot->first_page);
    const uint32_t size =
        (uint32_t)ikv_pages_size(batch->index, slot->first_page, slot->page_count);
    uint32_t sums_size = 0;

    bool mapped = ikv_read(run, slot, &slot->data, slot->data_buffer, offset, size);
    if (batch->index->leaf_size)
        slot->data.request.first_used = directory_size(batch->index);
    run->pages_in_flight++;
    if (batch->page_sums_offset && !batch->page_sums) {
        sums_size = slot->page_count * IKV_PAGE_CHECKSUM_SIZE;
        mapped = ikv_read(run, slot, &slot->sums, slot->sums_buffer,
                          batch->page_sums_offset + slot->first_page * IKV_PAGE_CHECKSUM_SIZE,
                          sums_size) &&
                 mapped;
    }
    slot->is_mapped = mapped;
    ikv_read_launch(run, slot);
    if (mapped) {
        run->stats.mapped += slot->chunk_count;
        return;
    }

    struct ikv_level_stats *level = level_of(run, slot->chunks[0]);
    IKV_TRACE3(level, run, run->search.chunks[slot->chunks[0]].level, slot->chunk_count);
    level->reads++;
    level->bytes += size;
    run->stats.index_reads += sums_size ? 2 : 1;
    run->stats.index_bytes += size + sums_size;
}

bool ikv_pages_plan(struct ikv_run *run)
{
    uint64_t page = ikv_search_peek(&run->search);

    if (page == UINT64_MAX || barrier_holds(run, page))
        return false;
    run->last_page_was_held = feed_cached(run, page);
    if (run->last_page_was_held || skip_absent(run, page))
        return true;
    struct ikv_slot *slot = ikv_window_take(run->window, run, IKV_SLOT_PAGES);
    collect_pages(run, slot);
    prefetch(run, slot);
    read_pages(run, slot);
    return true;
}

void ikv_pages_read_separately(struct ikv_run *run, uint32_t chunk)
{
    struct ikv_slot *slot = ikv_window_take(run->window, run, IKV_SLOT_PAGES);

    slot->first_page = ikv_chunk_page(&run->search.chunks[chunk]);
    slot->page_count = slot->chunk_count = 1;
    slot->chunks[0] = chunk;
    read_pages(run, slot);
}

void ikv_pages_complete(struct ikv_run *run, struct ikv_slot *slot)
{
    const int data_code = slot->data.request.code;
    const int code = data_code < 0 ? data_code : slot->sums.request.code;

    run->pages_in_flight--;
    if (code == 0) {
        for (uint32_t i = 0; i < slot->chunk_count;)
            i = feed_page_of(run, slot, i);
    } else if (slot->chunk_count == 1) {
        ikv_search_fail(&run->search, slot->chunks[0], IKV_UNREADABLE);
        ikv_run_note(run, code, ikv_page_offset(run->batch->index, slot->first_page), NULL,
                     run->batch->index->leaf_size ? "cannot read a leaf"
                                                  : "cannot read an index page");
    } else {
        for (uint32_t i = 0; i < slot->chunk_count; i++)
            ikv_read_separately(run, IKV_SLOT_PAGES, slot->chunks[i]);
    }
}
