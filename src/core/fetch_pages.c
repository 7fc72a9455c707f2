/* Index pages: which are read together, and what is done with them. */
#include "fetch.h"

/* A held page is looked for in batches up to this size; for larger ones it is not worth the search.
 */
#define CACHE_LOOKUP_KEYS 8

static struct ikv_level_stats *level_of(struct ikv_result *result, uint32_t chunk)
{
    uint32_t level = result->search.chunks[chunk].level;

    if (level >= IKV_LEVELS_MAX)
        level = IKV_LEVELS_MAX - 1;
    if (result->stats.levels <= level)
        result->stats.levels = level + 1;
    return &result->stats.level[level];
}

/* Hand one page to the search. `sum` is its checksum; NULL: there is none. */
static void feed_page(struct ikv_result *result, uint32_t chunk, uint64_t number,
                      const unsigned char *entries, const unsigned char *sum)
{
    const struct ikv_geometry *index = &result->store->index;
    uint64_t first = ikv_page_first_entry(index, number);
    struct ikv_page page = {
        .number = number,
        .entries = entries,
        .count = (uint32_t)(ikv_page_first_entry(index, number + 1) - first),
        .has_checksum = sum != NULL,
        .checksum = sum ? ikv_load32(sum) : 0,
    };
    uint32_t corrupt = result->search.corrupt_pages;

    ikv_search_feed(&result->search, chunk, &page);
    if (result->search.corrupt_pages != corrupt) {
        unsigned char stored[IKV_KEY_WIDTH_MAX];
        ikv_key_store(&index->key,
                      result->search.keys.entries + (size_t)chunk * result->search.keys.stride,
                      stored);
        ikv_result_note(result, IKV_E_INDEX, ikv_page_offset(&result->store->index, number), stored,
                        "an index page");
    }
}

static void feed_from_slot(struct ikv_result *result, const struct ikv_slot *slot, uint32_t chunk,
                           uint64_t page)
{
    const struct ikv_store *store = result->store;
    const unsigned char *sum = NULL;

    if (store->page_sums)
        sum = store->page_sums + page * IKV_PAGE_CHECKSUM_SIZE;
    else if (store->page_sums_offset)
        sum = slot->sums.bytes + (page - slot->first_page) * IKV_PAGE_CHECKSUM_SIZE;
    feed_page(result, chunk, page,
              slot->data.bytes + (ikv_page_offset(&store->index, page) -
                                  ikv_page_offset(&store->index, slot->first_page)),
              sum);
}

/* A page that was read a short while ago and still lies in its slot. */
static bool feed_held(struct ikv_result *result, uint64_t page)
{
    const struct ikv_store *store = result->store;
    const struct ikv_io_file *file = &store->file;
    const bool needs_sums = store->page_sums_offset && !store->page_sums;

    if (result->search.keys.count > CACHE_LOOKUP_KEYS)
        return false;
    for (unsigned i = 0; i < result->window.free_count; i++) {
        const struct ikv_slot *slot = ikv_window_free_slot(&result->window, i);
        if (needs_sums && slot->sums.size == 0)
            continue;
        if (slot->holds_pages && slot->held_fd == file->fd && slot->held_serial == file->serial &&
            page >= slot->first_page && page - slot->first_page < slot->page_count) {
            uint32_t chunk = ikv_search_next(&result->search, &page);
            level_of(result, chunk)->probes++;
            result->stats.probes++;
            result->stats.cached++;
            feed_from_slot(result, slot, chunk, page);
            return true;
        }
    }
    return false;
}

/* Take the next page the search waits for, and its neighbours if they are waited for next. */
static void collect_pages(struct ikv_result *result, struct ikv_slot *slot)
{
    const uint32_t most = result->window.slot_size / IKV_PAGE_SIZE;
    uint64_t page = ikv_search_peek(&result->search);
    uint64_t last = page;

    slot->first_page = page;
    slot->chunk_count = 0;
    do {
        uint32_t chunk = ikv_search_next(&result->search, &last);
        slot->chunks[slot->chunk_count++] = chunk;
        level_of(result, chunk)->probes++;
        page = ikv_search_peek(&result->search);
    } while (slot->chunk_count < most && (page == last || page == last + 1));
    slot->page_count = (uint32_t)(last - slot->first_page + 1);
    result->stats.probes += slot->chunk_count;
    result->stats.merged += slot->chunk_count - 1;
}

static void read_pages(struct ikv_result *result, struct ikv_slot *slot)
{
    const struct ikv_store *store = result->store;
    const uint64_t end_page = slot->first_page + slot->page_count;
    const uint64_t offset = ikv_page_offset(&store->index, slot->first_page);
    const uint32_t size = (uint32_t)(ikv_page_offset(&store->index, end_page) - offset);
    uint32_t sums_size = 0;

    ikv_window_read(&result->window, slot, &slot->data, store->reads, slot->data_buffer, offset,
                    size);
    if (store->page_sums_offset && !store->page_sums) {
        sums_size = slot->page_count * IKV_PAGE_CHECKSUM_SIZE;
        ikv_window_read(&result->window, slot, &slot->sums, store->reads, slot->sums_buffer,
                        store->page_sums_offset + slot->first_page * IKV_PAGE_CHECKSUM_SIZE,
                        sums_size);
    }
    ikv_window_launch(&result->window, slot);

    struct ikv_level_stats *level = level_of(result, slot->chunks[0]);
    level->reads++;
    level->bytes += size;
    result->stats.index_reads += sums_size ? 2 : 1;
    result->stats.index_bytes += size + sums_size;
}

bool ikv_plan_pages(struct ikv_result *result)
{
    uint64_t page = ikv_search_peek(&result->search);

    if (page == UINT64_MAX)
        return false;
    if (feed_held(result, page))
        return true;
    struct ikv_slot *slot = ikv_window_take(&result->window, IKV_SLOT_PAGES);
    collect_pages(result, slot);
    read_pages(result, slot);
    return true;
}

void ikv_read_page_alone(struct ikv_result *result, uint32_t chunk)
{
    struct ikv_slot *slot = ikv_window_take(&result->window, IKV_SLOT_PAGES);

    slot->first_page = ikv_chunk_page(&result->search.chunks[chunk]);
    slot->page_count = slot->chunk_count = 1;
    slot->chunks[0] = chunk;
    read_pages(result, slot);
}

void ikv_complete_pages(struct ikv_result *result, struct ikv_slot *slot)
{
    const int data_code = slot->data.request.code;
    const int code = data_code < 0 ? data_code : slot->sums.request.code;

    if (code == 0) {
        for (uint32_t i = 0; i < slot->chunk_count; i++)
            feed_from_slot(result, slot, slot->chunks[i],
                           ikv_chunk_page(&result->search.chunks[slot->chunks[i]]));
        slot->holds_pages = true;
        slot->held_fd = result->store->file.fd;
        slot->held_serial = result->store->file.serial;
    } else if (slot->chunk_count == 1) {
        ikv_search_fail(&result->search, slot->chunks[0], IKV_UNREADABLE);
        ikv_result_note(result, code, ikv_page_offset(&result->store->index, slot->first_page),
                        NULL, "reading an index page");
    } else {
        for (uint32_t i = 0; i < slot->chunk_count; i++)
            ikv_read_alone(result, IKV_SLOT_PAGES, slot->chunks[i]);
    }
}
