/* From the caller's array of keys to distinct keys in order, and back to one answer for each. */
#include "result.h"
#include "sort.h"

#include <errno.h>

/* Fill the sort entries. Returns whether the keys came in order. */
static bool load_keys(const struct ikv_key_info *info, const unsigned char *keys, uint32_t count,
                      uint64_t *entries)
{
    const uint32_t words = info->words;
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    bool sorted = true;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t *entry = entries + (size_t)i * (words + 1);
        ikv_key_swap_host(info, keys + (size_t)i * info->width, stored);
        ikv_key_load(info, stored, entry);
        entry[words] = i;
        if (i > 0 && ikv_words_compare(entry - (words + 1), entry, words) > 0)
            sorted = false;
    }
    return sorted;
}

/* Fold repeats: entries keeps one of each key, callers all places. Returns the number of keys left.
 */
static uint32_t fold(uint64_t *entries, uint32_t count, uint32_t words, uint32_t *callers,
                     uint32_t *starts)
{
    uint32_t distinct = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *entry = entries + (size_t)i * (words + 1);
        callers[i] = (uint32_t)entry[words];
        uint64_t *next = entries + (size_t)distinct * (words + 1);
        if (distinct > 0 && ikv_words_compare(next - (words + 1), entry, words) == 0)
            continue;
        if (distinct != i)
            memcpy(next, entry, (words + 1) * sizeof *entry);
        starts[distinct++] = i;
    }
    starts[distinct] = count;
    return distinct;
}

static int get_scratch(struct ikv_result *result, const struct ikv_key_info *info, size_t count,
                       ikv_match match)
{
    const size_t entry_size = (info->words + 1) * sizeof(uint64_t);
    const size_t sorting =
        count * (entry_size > sizeof(struct ikv_hit) ? entry_size : sizeof(struct ikv_hit));

    if (!ikv_scratch_get(&result->entries, count * entry_size) ||
        (count > 1 && !ikv_scratch_get(&result->sorting, sorting)) ||
        !ikv_scratch_get(&result->callers, count * sizeof(uint32_t)) ||
        !ikv_scratch_get(&result->starts, (count + 1) * sizeof(uint32_t)) ||
        !ikv_scratch_get(&result->chunks, count * sizeof(struct ikv_chunk)) ||
        !ikv_scratch_get(&result->hits, count * sizeof(struct ikv_hit)) ||
        !ikv_scratch_get(&result->status, count * sizeof(int32_t)))
        return -ENOMEM;
    if (match != IKV_EXACT && !ikv_scratch_get(&result->matched, count * info->width))
        return -ENOMEM;
    return 0;
}

int ikv_batch_prepare(struct ikv_result *result, const struct ikv_store *store, const void *keys,
                      size_t count, ikv_match match)
{
    const struct ikv_key_info *info = &store->index.key;
    const uint32_t n = (uint32_t)count;

    int code = get_scratch(result, info, count, match);
    if (code < 0)
        return code;
    uint64_t *entries = result->entries.bytes;
    if (!load_keys(info, keys, n, entries))
        ikv_sort_entries(entries, result->sorting.bytes, count, info->words + 1);
    uint32_t distinct = fold(entries, n, info->words, result->callers.bytes, result->starts.bytes);

    result->store = store;
    result->caller_keys = keys;
    result->count = count;
    result->stats.keys = count;
    result->stats.distinct = distinct;
    result->stats.backend = store->backend->name;
    result->search = (struct ikv_search){
        .index = &store->index,
        .fences = &store->fences,
        .match = match,
        .keys = {entries, info->words + 1, distinct},
        .chunks = result->chunks.bytes,
        .hits = result->hits.bytes,
        .status = result->status.bytes,
        .matched = result->matched.bytes,
    };
    return 0;
}

/* What was not delivered is missing, corrupt or unreadable. */
void ikv_batch_finish(struct ikv_result *result)
{
    const uint32_t *starts = result->starts.bytes;
    struct ikv_stats *stats = &result->stats;

    for (uint32_t key = 0; key < result->search.keys.count; key++) {
        int32_t status = result->search.status[key];
        uint64_t callers = starts[key + 1] - starts[key];
        switch (status) {
        case IKV_FOUND:
            stats->found += callers;
            continue;
        case IKV_MISSING:
            stats->missing += callers;
            break;
        case IKV_CORRUPT:
            stats->corrupt += callers;
            break;
        default:
            stats->unreadable += callers;
            break;
        }
        ikv_deliver_item(result, key, (struct ikv_item){NULL, NULL, 0, status});
    }
}
