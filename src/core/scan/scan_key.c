#include "core/scan/scan_key.h"

#include "core/query/execute.h"
#include "core/query/prepare.h"
#include "core/scan/scan_pages.h"

#define FETCH_MIN 1
#define FETCH_MAX ((size_t)1 << 16)

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

    int code = ikv_result_new(&scan->fetched);
    if (code < 0)
        return code;
    const uint64_t count = scan->memory / ((uint64_t)store->first_read + 64);
    scan->fetch_count = (size_t)ikv_max(ikv_min(count, FETCH_MAX), FETCH_MIN);
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

/* Whether the scan has this entry, which follows the last one; loads it. On failure *ret_code is
 * set. */
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

/* Make a run whose hits will be `count` entries. */
static int make_run(struct ikv_scan *scan, size_t count)
{
    struct ikv_result *fetched = scan->fetched;
    const size_t width = scan->store->index.key.width;

    if (ikv_result_begin(fetched, count) < 0 ||
        !ikv_scratch_get(&fetched->sort_buffer, count * sizeof(struct ikv_hit)) ||
        !ikv_scratch_get(&fetched->places, count * sizeof(uint32_t)) ||
        !ikv_scratch_get(&fetched->starts, (count + 1) * sizeof(uint32_t)) ||
        !ikv_scratch_get(&fetched->hits, count * sizeof(struct ikv_hit)) ||
        !ikv_scratch_get(&fetched->status, count * sizeof(int32_t)) ||
        !ikv_scratch_get(&fetched->matched, count * width))
        return ikv_scan_fail(scan, -ENOMEM, IKV_NO_OFFSET, "cannot read records");
    fetched->distinct = 0;
    fetched->batch = (struct ikv_batch){
        .store = scan->store,
        .index = &scan->store->index,
        .fences = &scan->store->fences,
        .backoff = &scan->store->backoff,
        .items = fetched->items.bytes,
        .places = fetched->places.bytes,
        .options = {.match = IKV_FLOOR}, /* items get their keys from `matched` */
        .records_only = true,
        .value_budget = (size_t)ikv_min(scan->memory, SIZE_MAX),
    };
    ikv_batch_check_map(&fetched->batch);
    if (ikv_prepare_runs(fetched, 1) < 0)
        return ikv_scan_fail(scan, -ENOMEM, IKV_NO_OFFSET, "cannot read records");
    return 0;
}

/* Make up to `max` entries, beginning with next_entry, the hits of the run. */
static int collect(struct ikv_scan *scan, size_t max, size_t *ret_count)
{
    struct ikv_result *fetched = scan->fetched;
    struct ikv_search *search = &fetched->runs[0]->search;
    const struct ikv_key_info *info = &scan->store->index.key;
    uint32_t *places = fetched->places.bytes;
    uint32_t *starts = fetched->starts.bytes;
    size_t count = 0;
    int code = 0;

    while (count < max && has_entry(scan, scan->next_entry + count, &code)) {
        const unsigned char *entry = ikv_scan_entry(scan, scan->next_entry + count);
        uint32_t i = (uint32_t)count++;
        memcpy(search->matched + (size_t)i * info->width, entry, info->width);
        search->hits[i] = (struct ikv_hit){ikv_entry_position(info, entry), i, 0};
        search->status[i] = IKV_FOUND;
        places[i] = starts[i] = i;
    }
    starts[count] = (uint32_t)count;
    search->hit_count = search->keys.count = fetched->distinct = (uint32_t)count;
    *ret_count = count;
    return code;
}

/* Keep the items up to the first that exceeded the budget; the others are fetched again. */
static void settle(struct ikv_scan *scan, size_t count)
{
    struct ikv_result *fetched = scan->fetched;
    const struct ikv_run *run = fetched->runs[0];
    const struct ikv_key_info *info = &scan->store->index.key;
    size_t done = 0;

    ikv_item *items = fetched->items.bytes;
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
    fetched->count = done;
    scan->fetched_next = 0;
    scan->next_entry += done;
    if (done < count)
        scan->fetch_count = (size_t)ikv_max(ikv_max(done, count / 2), FETCH_MIN);
    else if (scan->fetch_count < FETCH_MAX && run->arena.allocated < scan->memory / 4)
        scan->fetch_count *= 2;
}

static int fetch(struct ikv_scan *scan)
{
    struct ikv_result *fetched = scan->fetched;
    size_t max = (size_t)ikv_min(scan->fetch_count, scan->left);

    do {
        size_t count = 0;
        int code = make_run(scan, max);
        if (code == 0)
            code = collect(scan, max, &count);
        if (code < 0 && count == 0)
            return code;
        scan->code = 0; /* entries before a damaged page are good */
        if (count == 0)
            return IKV_E_END;
        ikv_execute(fetched);
        if (fetched->fatal < 0)
            return ikv_scan_fail(scan, fetched->fatal, IKV_NO_OFFSET, "cannot read records");
        scan->stats.backend = fetched->stats.backend;
        scan->stats.records += fetched->stats.records;
        scan->stats.record_reads += fetched->stats.record_reads;
        scan->stats.record_bytes += fetched->stats.record_bytes;
        scan->stats.mapped += fetched->stats.mapped;
        scan->stats.merged += fetched->stats.merged;
        scan->stats.retries += fetched->stats.retries;
        scan->stats.system_calls += fetched->stats.system_calls;
        settle(scan, count);
        /* If even the first item exceeded the budget, fetch fewer: alone it always fits. */
        max = max / 2 ? max / 2 : 1;
    } while (fetched->count == 0);
    return 0;
}

int ikv_scan_key_next(struct ikv_scan *scan, ikv_item *ret_item)
{
    if (scan->fetched_next == scan->fetched->count) {
        int code = fetch(scan);
        if (code < 0)
            return code;
    }
    *ret_item = ikv_result_items(scan->fetched)[scan->fetched_next++];
    return 0;
}
