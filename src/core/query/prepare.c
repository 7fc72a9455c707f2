#include "core/query/prepare.h"

#include "core/resident/resident.h"
#include "core/sort/sort.h"

/* Fill the sort entries with all keys, or with those that are IKV_PENDING. Returns whether they
 * were in order. */
static bool load_keys(const struct ikv_batch *batch, const struct ikv_key_info *info,
                      uint32_t count, bool pending_only, uint64_t *entries)
{
    const uint32_t words = info->words;
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    const uint64_t *last = NULL;
    bool sorted = true;

    for (uint32_t i = 0; i < count; i++) {
        if (pending_only && batch->items[i].status != IKV_PENDING)
            continue;
        ikv_key_swap_host(info, batch->caller_keys + (size_t)i * info->width, stored);
        ikv_key_load(info, stored, entries);
        entries[words] = i;
        if (last && ikv_words_compare(last, entries, words) > 0)
            sorted = false;
        last = entries;
        entries += words + 1;
    }
    return sorted;
}

/* Fold repeats: leave one entry for each distinct key, and fill places and starts (ikv_result).
 * Returns the number of distinct keys. */
static uint32_t fold(uint64_t *entries, uint32_t count, uint32_t words, uint32_t *places,
                     uint32_t *starts)
{
    uint32_t distinct = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *entry = entries + (size_t)i * (words + 1);
        places[i] = (uint32_t)entry[words];
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

static int get_memory(struct ikv_result *result, const struct ikv_key_info *info, size_t count,
                      ikv_match match)
{
    const size_t entry_size = (info->words + 1) * sizeof(uint64_t);
    const size_t sort_buffer =
        count * (entry_size > sizeof(struct ikv_hit) ? entry_size : sizeof(struct ikv_hit));

    if (!ikv_scratch_get(&result->entries, count * entry_size) ||
        (count > 1 && !ikv_scratch_get(&result->sort_buffer, sort_buffer)) ||
        !ikv_scratch_get(&result->places, count * sizeof(uint32_t)) ||
        !ikv_scratch_get(&result->starts, (count + 1) * sizeof(uint32_t)) ||
        !ikv_scratch_get(&result->chunks, count * sizeof(struct ikv_chunk)) ||
        !ikv_scratch_get(&result->hits, count * sizeof(struct ikv_hit)) ||
        !ikv_scratch_get(&result->status, count * sizeof(int32_t)))
        return -ENOMEM;
    if (match != IKV_EXACT && !ikv_scratch_get(&result->matched, count * info->width))
        return -ENOMEM;
    return 0;
}

/*
 * Looking up a single key may take less time than fstat. So the check is skipped if this thread
 * looks up single keys and nothing else: if the last lookup ended so recently that the thread can't
 * have made a system call since, and the last check is recent, too.
 */
void ikv_prepare_map(struct ikv_result *result, size_t count)
{
    struct ikv_batch *batch = &result->batch;
    struct ikv_map *map = batch->store->map;
    const uint64_t now = count == 1 ? ikv_platform_ticks() : 0;

    /* cppcheck-suppress knownConditionTrueFalse ; on other processors */
    if (now > 0 && result->checked_map == map && now - result->get_ended < IKV_TICKS_SHORT &&
        now - result->checked_at < IKV_TICKS_LONG) {
        batch->map = map;
        batch->usable_size = map->size;
        return;
    }
    ikv_batch_check_map(batch);
    result->checked_map = batch->usable_size == map->size ? map : NULL;
    result->checked_at = now;
}

/* Use what is held of the index in memory; it is for probes of whole pages. */
static void use_pages(struct ikv_batch *batch)
{
    const struct ikv_store *store = batch->store;

    batch->index = &store->index;
    batch->page_sums = store->page_sums;
    batch->page_sums_offset = store->page_sums_offset;
    batch->learner = store->learner;
    batch->cache = store->cache;
    batch->visited = store->visited;
    batch->filters =
        store->filters.loaded && batch->options.match == IKV_EXACT ? &store->filters : NULL;
    batch->fences = store->learner ? ikv_learner_acquire(store->learner) : &store->fences;
}

void ikv_prepare_begin(struct ikv_result *result, struct ikv_store *store, const void *keys,
                       size_t count, const ikv_get_options *options)
{
    result->count = count;
    result->distinct = 0;
    result->stats.keys = count;
    result->batch = (struct ikv_batch){
        .store = store,
        .index = &store->entries,
        .fences = &ikv_no_fences,
        .backoff = &store->backoff,
        .caller_keys = keys,
        .items = result->items.bytes,
        .options = *options,
    };
    /* Entry probes are for measuring reads. */
    if (store->map && (options->probe == IKV_PROBE_PAGE || store->map->assume_resident))
        ikv_prepare_map(result, count);
}

int ikv_prepare_sorted(struct ikv_result *result, size_t pending)
{
    struct ikv_batch *batch = &result->batch;
    const struct ikv_key_info *info = &batch->store->index.key;
    const bool pending_only = pending < result->count || result->run_count > 0;

    int code = get_memory(result, info, pending, batch->options.match);
    if (code < 0)
        return code;
    uint64_t *entries = result->entries.bytes;
    if (!load_keys(batch, info, (uint32_t)result->count, pending_only, entries))
        ikv_sort_entries(entries, result->sort_buffer.bytes, pending, info->words + 1);
    result->distinct =
        fold(entries, (uint32_t)pending, info->words, result->places.bytes, result->starts.bytes);
    result->stats.distinct = result->count - pending + result->distinct;
    batch->places = result->places.bytes;
    if (batch->options.probe == IKV_PROBE_PAGE)
        use_pages(batch);
    return 0;
}

void ikv_prepare_end(struct ikv_result *result)
{
    struct ikv_batch *batch = &result->batch;

    if (batch->learner)
        ikv_learner_release(batch->learner, batch->fences);
    batch->learner = NULL;
    batch->fences = &ikv_no_fences;
}

/* A run's slice of an array, from element `begin` on; NULL: the batch has no such array. */
static void *slice(const struct ikv_scratch *array, uint32_t begin, size_t element_size)
{
    return array->bytes ? (unsigned char *)array->bytes + begin * element_size : NULL;
}

/* Set up a run for the sorted keys [begin, end). */
static void set_run(struct ikv_result *result, struct ikv_run *run, uint32_t begin, uint32_t end)
{
    const struct ikv_batch *batch = &result->batch;
    const struct ikv_key_info *info = &batch->index->key;

    run->starts = slice(&result->starts, begin, sizeof *run->starts);
    run->sort_buffer = slice(&result->sort_buffer, begin, sizeof(struct ikv_hit));
    run->stats.shards = 1;
    run->search = (struct ikv_search){
        .index = batch->index,
        .fences = batch->fences,
        /* The range that contains a key is the last one that begins at or before it. */
        .match = batch->options.match == IKV_RANGE ? IKV_FLOOR : batch->options.match,
        .keys = {slice(&result->entries, begin, (info->words + 1) * sizeof(uint64_t)),
                 info->words + 1, end - begin},
        .chunks = slice(&result->chunks, begin, sizeof(struct ikv_chunk)),
        .hits = slice(&result->hits, begin, sizeof(struct ikv_hit)),
        .status = slice(&result->status, begin, sizeof(int32_t)),
        .matched =
            batch->options.match == IKV_EXACT ? NULL : slice(&result->matched, begin, info->width),
        .queue_head = IKV_NO_CHUNK,
    };
}

/* Times that a run reads a record which many keys match, at most: for keys in its page, for those
 * on the other side of its page, and, with rounded fences, for those at the rounded place of the
 * fence on either side, which are searched for apart from the others. */
#define MATCHES_MAX ((uint64_t)4)

/*
 * An upper bound of the bytes of records that a batch reads. Distinct records do not overlap, so
 * together they are no larger than the record area. With EXACT every key has its own record.
 * Otherwise many keys may match one record; it is read once more for each cut between shards.
 */
static uint64_t fetched_max(const struct ikv_batch *batch, unsigned shards)
{
    const struct ikv_store *store = batch->store;

    if (batch->options.match == IKV_EXACT)
        return store->records_end;
    const uint64_t largest = ikv_min(store->record_size_max, store->records_end);
    return MATCHES_MAX * ikv_min(store->records_end, UINT64_MAX / (2 * MATCHES_MAX)) +
           (shards - 1) * largest;
}

int ikv_prepare_matched(struct ikv_result *result, size_t count)
{
    struct ikv_batch *batch = &result->batch;

    if (batch->options.match == IKV_EXACT)
        return 0;
    if (!ikv_scratch_get(&result->matched_here, count * batch->store->index.key.width))
        return -ENOMEM;
    batch->matched = result->matched_here.bytes;
    return 0;
}

/* Runs in memory do not fold repeated keys and copy a record for each; but in total no more than
 * this beyond the size of the record area. */
#define REPEATS_MAX ((uint64_t)64 << 20)

int ikv_prepare_resident_runs(struct ikv_result *result, unsigned shards)
{
    const uint64_t copies = result->batch.store->records_end + REPEATS_MAX;
    const uint64_t n = result->count;
    int code = ikv_result_add_runs(result, shards);

    if (code < 0)
        return code;
    atomic_store_explicit(&result->batch.copy_budget, shards > 1 ? copies : 0,
                          memory_order_relaxed);
    for (unsigned i = 0; i < shards; i++) {
        struct ikv_run *run = result->runs[result->run_first + i];
        run->is_resident = true;
        run->begin = (uint32_t)(n * i / shards);
        run->end = (uint32_t)(n * (i + 1) / shards);
        run->copy_budget = shards > 1 ? 0 : copies;
        run->map = result->batch.map;
        run->usable_size = result->batch.usable_size;
    }
    return 0;
}

int ikv_prepare_runs(struct ikv_result *result, unsigned shards)
{
    int code = ikv_result_add_runs(result, shards);

    if (code < 0)
        return code;
    atomic_store_explicit(&result->batch.fetched, 0, memory_order_relaxed);
    atomic_store_explicit(&result->batch.fetched_max, fetched_max(&result->batch, shards),
                          memory_order_relaxed);
    for (unsigned i = 0; i < shards; i++) {
        const uint64_t n = result->distinct;
        set_run(result, result->runs[result->run_first + i], (uint32_t)(n * i / shards),
                (uint32_t)(n * (i + 1) / shards));
    }
    return 0;
}
