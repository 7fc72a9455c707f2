/*
 * Keys in order, each with its value. Index pages are read in order, many at once. Their records
 * lie anywhere, so they are fetched a window at a time, in order of position and merged where they
 * are neighbours: for a store whose records are in key order that makes large sequential reads.
 */
#include "core/query/execute.h"
#include "core/query/prepare.h"
#include "core/scan/scan.h"

#include <errno.h>

#define WINDOW_MIN 1
#define WINDOW_MAX ((size_t)1 << 16)

static void load_words(const struct ikv_key_info *info, const void *key, uint64_t *words)
{
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    ikv_key_swap_host(info, key, stored);
    ikv_key_load(info, stored, words);
}

int ikv_scan_key_open(struct ikv_scan *scan, const void *from, const void *to)
{
    const struct ikv_store *store = scan->store;
    const struct ikv_key_info *info = &store->index.key;
    uint64_t words[IKV_KEY_WORDS_MAX];

    int code = ikv_result_new(&scan->window);
    if (code < 0)
        return code;
    uint64_t window = scan->memory / ((uint64_t)store->first_read + 64);
    scan->window_size = (size_t)ikv_max(ikv_min(window, WINDOW_MAX), WINDOW_MIN);
    if (to) {
        load_words(info, to, scan->to);
        scan->has_to = true;
    }
    if (from && store->index.count) {
        load_words(info, from, words);
        code = ikv_scan_lower_bound(scan, words, &scan->next_entry);
    }
    scan->pages_begin = scan->pages_end = 0;
    return code;
}

/* Whether the next entry is loaded, loading it if need be. False: the scan is at its end, or
 * failed. */
static bool has_entry(struct ikv_scan *scan, uint64_t entry, int *ret_code)
{
    const struct ikv_geometry *index = &scan->store->index;

    *ret_code = 0;
    if (entry == index->count)
        return false;
    if (entry < scan->pages_begin || entry >= scan->pages_end)
        *ret_code = ikv_scan_load_pages(scan, ikv_page_of_entry(index, entry), IKV_SCAN_PAGES);
    if (*ret_code < 0)
        return false;
    return !scan->has_to ||
           ikv_key_compare_stored(&index->key, scan->to, ikv_scan_entry(scan, entry)) >= 0;
}

static int make_room(struct ikv_scan *scan, size_t count)
{
    struct ikv_result *window = scan->window;
    const size_t width = scan->store->index.key.width;

    if (ikv_result_begin(window, count) < 0 ||
        !ikv_scratch_get(&window->sort_buffer, count * sizeof(struct ikv_hit)) ||
        !ikv_scratch_get(&window->places, count * sizeof(uint32_t)) ||
        !ikv_scratch_get(&window->starts, (count + 1) * sizeof(uint32_t)) ||
        !ikv_scratch_get(&window->hits, count * sizeof(struct ikv_hit)) ||
        !ikv_scratch_get(&window->status, count * sizeof(int32_t)) ||
        !ikv_scratch_get(&window->matched, count * width))
        return ikv_scan_fail(scan, -ENOMEM, IKV_NO_OFFSET, "reading records");
    window->distinct = 0;
    window->batch = (struct ikv_batch){
        .store = scan->store,
        .index = &scan->store->index,
        .fences = &scan->store->fences,
        .pace = &scan->store->pace,
        .items = window->items.bytes,
        .places = window->places.bytes,
        .options = {.match = IKV_FLOOR}, /* the key of an item is the one that the entry has */
        .records_only = true,
        .value_budget = (size_t)ikv_min(scan->memory, SIZE_MAX),
    };
    ikv_batch_check_map(&window->batch);
    if (ikv_prepare_runs(window, 1) < 0)
        return ikv_scan_fail(scan, -ENOMEM, IKV_NO_OFFSET, "reading records");
    return 0;
}

/* Take entries from next_entry on as the hits of a batch. */
static int collect(struct ikv_scan *scan, size_t most, size_t *ret_count)
{
    struct ikv_result *window = scan->window;
    struct ikv_search *search = &window->runs[0]->search;
    const struct ikv_key_info *info = &scan->store->index.key;
    uint32_t *places = window->places.bytes;
    uint32_t *starts = window->starts.bytes;
    size_t count = 0;
    int code = 0;

    while (count < most && has_entry(scan, scan->next_entry + count, &code)) {
        const unsigned char *entry = ikv_scan_entry(scan, scan->next_entry + count);
        uint32_t i = (uint32_t)count++;
        memcpy(search->matched + (size_t)i * info->width, entry, info->width);
        search->hits[i] = (struct ikv_hit){ikv_entry_position(info, entry), i, 0};
        search->status[i] = IKV_FOUND;
        places[i] = starts[i] = i;
    }
    starts[count] = (uint32_t)count;
    search->hit_count = search->keys.count = window->distinct = (uint32_t)count;
    *ret_count = count;
    return code;
}

/* The answers up to the first that did not fit into the budget count; the rest is fetched again. */
static void settle(struct ikv_scan *scan, size_t count)
{
    struct ikv_result *window = scan->window;
    const struct ikv_run *run = window->runs[0];
    const struct ikv_key_info *info = &scan->store->index.key;
    size_t done = 0;

    ikv_item *items = window->items.bytes;
    while (done < count && run->search.status[done] != IKV_DEFERRED) {
        unsigned char *key = run->search.matched + done * info->width;
        if (items[done].status != IKV_FOUND) {
            unsigned char stored[IKV_KEY_WIDTH_MAX];
            memcpy(stored, key, info->width);
            ikv_key_swap_host(info, stored, key);
            items[done].key = key;
        }
        done++;
    }
    window->count = done;
    scan->window_next = 0;
    scan->next_entry += done;
    if (done < count)
        scan->window_size = (size_t)ikv_max(ikv_max(done, count / 2), WINDOW_MIN);
    else if (scan->window_size < WINDOW_MAX && run->arena.allocated < scan->memory / 4)
        scan->window_size *= 2;
}

static int fetch_window(struct ikv_scan *scan)
{
    struct ikv_result *window = scan->window;
    size_t most = (size_t)ikv_min(scan->window_size, scan->left);

    do {
        size_t count = 0;
        int code = make_room(scan, most);
        if (code == 0)
            code = collect(scan, most, &count);
        if (code < 0 && count == 0)
            return code;
        scan->code = 0; /* entries before a damaged page are still good */
        if (count == 0)
            return IKV_E_END;
        ikv_execute(window);
        if (window->fatal < 0)
            return ikv_scan_fail(scan, window->fatal, IKV_NO_OFFSET, "reading records");
        scan->stats.backend = window->stats.backend;
        scan->stats.records += window->stats.records;
        scan->stats.record_reads += window->stats.record_reads;
        scan->stats.record_bytes += window->stats.record_bytes;
        scan->stats.mapped += window->stats.mapped;
        scan->stats.merged += window->stats.merged;
        scan->stats.retries += window->stats.retries;
        scan->stats.system_calls += window->stats.system_calls;
        settle(scan, count);
        /* The first in order of keys may be the last in order of positions: alone it always fits.
         */
        most = most / 2 ? most / 2 : 1;
    } while (window->count == 0);
    return 0;
}

int ikv_scan_key_next(struct ikv_scan *scan, ikv_item *ret_item)
{
    if (scan->window_next == scan->window->count) {
        int code = fetch_window(scan);
        if (code < 0)
            return code;
    }
    *ret_item = ikv_result_items(scan->window)[scan->window_next++];
    return 0;
}
