#include "core/lookup/deliver.h"

#include "core/format/checksum.h"
#include "core/lookup/tails.h"
#include "core/store/record_room.h"

/* Bytes of records after which a run adds them to the batch's counter, which is shared. */
#define FETCHED_STEP ((uint64_t)1 << 20)

/* Hand the value over where the options say so. */
static void pass_on(struct ikv_run *run, uint32_t place, ikv_item *item)
{
    struct ikv_batch *batch = run->batch;
    const ikv_get_options *options = &batch->options;

    if (options->values) {
        unsigned char *to = (unsigned char *)options->values + (size_t)place * options->value_size;
        memcpy(to, item->value, options->value_size);
        item->value = to;
    } else if (options->on_value) {
        if (options->on_value(options->user, place, item) != 0) {
            ikv_batch_cancel(batch);
            run->fatal = IKV_E_CANCELED;
        }
        item->value = NULL;
    }
}

static inline void deliver_to(struct ikv_run *run, uint32_t place, ikv_item item)
{
    const struct ikv_batch *batch = run->batch;
    const bool found = item.status == IKV_FOUND;

    if (run->search.match == IKV_EXACT && (found || item.status == IKV_OTHER_SIZE))
        item.key = batch->caller_keys + (size_t)place * batch->index->key.width;
    batch->items[place] = item;
    if (found && ikv_run_passes_on(run))
        pass_on(run, place, &batch->items[place]);
}

void ikv_deliver_item(struct ikv_run *run, uint32_t key, struct ikv_item item)
{
    for (uint32_t i = run->starts[key]; i < run->starts[key + 1] && !run->fatal; i++)
        deliver_to(run, run->batch->places[i], item);
}

static void set_status(struct ikv_run *run, uint32_t begin, uint32_t end, int32_t status)
{
    for (uint32_t i = begin; i < end; i++)
        run->search.status[ikv_run_hits(run)[i].key] = status;
}

static bool over_budget(const struct ikv_run *run, uint32_t size)
{
    return run->batch->value_budget && run->arena.allocated &&
           run->arena.allocated + size > run->batch->value_budget;
}

static bool is_intact(const struct ikv_run *run, const unsigned char *key,
                      const unsigned char *record, uint32_t size)
{
    const struct ikv_store *store = run->batch->store;

    if (store->checksum_size == 0)
        return true;
    uint32_t value_size = size - store->checksum_size;
    return ikv_load32(record + value_size) ==
           ikv_record_checksum(store->record_seed, key, store->index.key.width, record, value_size);
}

/* Whether the range with this last key contains the key, which is not below its first one. */
static bool covers(const struct ikv_run *run, const unsigned char *last, uint32_t key)
{
    const uint64_t *words = run->search.keys.entries + (size_t)key * run->search.keys.stride;

    return ikv_key_compare_stored(&run->search.index->key, words, last) <= 0;
}

/* Copy a value to the arena, unless it will be handed to the caller. */
static const void *keep_value(struct ikv_run *run, const unsigned char *record, uint32_t size)
{
    if (ikv_run_passes_on(run))
        return record;
    unsigned char *copy = ikv_arena_alloc(&run->arena, size);
    if (copy)
        memcpy(copy, record, size);
    else
        run->fatal = -ENOMEM;
    return copy;
}

/* Deliver a record of hits [begin, end). `value`: where its value stays; NULL: not copied yet. */
static void deliver(struct ikv_run *run, uint32_t begin, uint32_t end, const unsigned char *record,
                    uint32_t size, const void *value)
{
    const struct ikv_hit *hits = ikv_run_hits(run);
    const struct ikv_store *store = run->batch->store;
    const uint32_t value_size = size - store->surplus;
    unsigned char room[IKV_KEY_WIDTH_MAX];

    run->stats.records++;
    for (uint32_t i = begin; i < end && !run->fatal; i++) {
        const uint32_t key = hits[i].key;
        const unsigned char *stored = ikv_run_stored_key(run, key, room);
        if (!is_intact(run, stored, record, size)) {
            run->search.status[key] = IKV_CORRUPT;
            ikv_run_note(run, IKV_E_RECORD, hits[i].position, stored, "checksum mismatch");
            continue;
        }
        if (run->batch->options.match == IKV_RANGE && !covers(run, record + value_size, key)) {
            run->search.status[key] = IKV_MISSING;
            continue;
        }
        if (!value) {
            value = keep_value(run, record, value_size + store->range_size);
            if (!value)
                return;
        }
        struct ikv_item item = {value, NULL, value_size, IKV_FOUND};
        if (run->batch->options.values && run->batch->options.value_size != value_size)
            item = (struct ikv_item){NULL, NULL, value_size, IKV_OTHER_SIZE};
        if (item.status != IKV_FOUND) /* the search has set IKV_FOUND */
            run->search.status[key] = item.status;
        if (run->search.match != IKV_EXACT) {
            unsigned char *matched = run->search.matched + (size_t)key * store->index.key.width;
            if (IKV_BIG_ENDIAN) {
                ikv_key_swap_host(&store->index.key, stored, room);
                memcpy(matched, room, store->index.key.width);
            }
            item.key = matched;
        }
        if (hits[i].place != IKV_MANY_PLACES)
            deliver_to(run, hits[i].place, item);
        else
            ikv_deliver_item(run, key, item);
    }
}

/* Bytes of records that may still be read: more would prove positions or sizes wrong. A run does
 * not see what others have not added to the counter yet, so together they may exceed the bound a
 * little. */
static uint64_t fetched_left(const struct ikv_run *run)
{
    struct ikv_batch *batch = run->batch;
    const uint64_t max = atomic_load_explicit(&batch->fetched_max, memory_order_relaxed);
    const uint64_t now = atomic_load_explicit(&batch->fetched, memory_order_relaxed) + run->fetched;

    return now < max ? max - now : 0;
}

static void note_fetched(struct ikv_run *run, uint64_t bytes)
{
    run->fetched += bytes;
    if (run->fetched < FETCHED_STEP)
        return;
    atomic_fetch_add_explicit(&run->batch->fetched, run->fetched, memory_order_relaxed);
    run->fetched = 0;
}

static void fail_size(struct ikv_run *run, uint32_t begin, uint32_t end)
{
    const struct ikv_hit *hit = &ikv_run_hits(run)[begin];
    const uint64_t position = hit->position;
    unsigned char room[IKV_KEY_WIDTH_MAX];

    set_status(run, begin, end, IKV_CORRUPT);
    ikv_run_note(run, IKV_E_RECORD, position, ikv_run_stored_key(run, hit->key, room),
                 "impossible size");
}

/* The end of the hits that have the same record as hit `begin`. */
static uint32_t same_record(const struct ikv_run *run, uint32_t begin, uint32_t end)
{
    const struct ikv_hit *hits = ikv_run_hits(run);
    const uint64_t position = hits[begin].position;

    while (++begin < end && hits[begin].position == position)
        ;
    return begin;
}

void ikv_deliver_whole(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                       const unsigned char *record, uint32_t size)
{
    const struct ikv_store *store = run->batch->store;
    const uint64_t position = ikv_run_hits(run)[hit_begin].position;
    const struct ikv_record_room room = ikv_record_room(store, position);
    const struct ikv_record_extent extent = {size, store->is_clustered && !room.is_inside &&
                                                       size == room.end - position -
                                                                   IKV_RECORD_HEADER_SIZE};
    uint32_t content = 0;

    if (ikv_record_content(store, &extent, record, &content))
        deliver(run, hit_begin, hit_end, record, content, record);
    else
        fail_size(run, hit_begin, hit_end);
}

/* Deliver the record of hits [begin, end), of which `have` bytes are at `at`. */
static void deliver_record(struct ikv_run *run, uint32_t begin, uint32_t end,
                           const unsigned char *at, size_t have, uint64_t left, uint64_t *fetched)
{
    const struct ikv_store *store = run->batch->store;
    const uint64_t position = ikv_run_hits(run)[begin].position;
    const unsigned char *record = at + IKV_RECORD_HEADER_SIZE;
    struct ikv_record_extent extent;
    uint32_t content = 0;

    if (!ikv_record_extent(store, position, ikv_record_room(store, position), at, have, &extent) ||
        extent.size > left - *fetched) {
        fail_size(run, begin, end);
        return;
    }
    *fetched += extent.size;
    have -= IKV_RECORD_HEADER_SIZE;
    if (over_budget(run, (uint32_t)extent.size))
        set_status(run, begin, end, IKV_DEFERRED);
    else if (extent.size > have)
        ikv_tails_add(run,
                      (struct ikv_tail){begin, end, NULL, (uint32_t)extent.size, (uint32_t)have},
                      record);
    else if (ikv_record_content(store, &extent, record, &content))
        deliver(run, begin, end, record, content, NULL);
    else
        fail_size(run, begin, end);
}

void ikv_deliver_records(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                         const unsigned char *bytes, size_t size)
{
    const struct ikv_hit *hits = ikv_run_hits(run);
    const uint64_t start = hits[hit_begin].position;
    const uint64_t left = fetched_left(run);
    uint64_t fetched = 0;
    uint32_t end;

    for (uint32_t begin = hit_begin; begin < hit_end && !run->fatal; begin = end) {
        const size_t at = (size_t)(hits[begin].position - start);
        end = same_record(run, begin, hit_end);
        deliver_record(run, begin, end, bytes + at, size - at, left, &fetched);
    }
    note_fetched(run, fetched);
}

/* Deliver the record at a place of the leaf, whose directory may not have been verified. */
static void deliver_place(struct ikv_run *run, uint32_t begin, uint32_t end,
                          const struct ikv_leaf *leaf, uint32_t place)
{
    const unsigned char *record = leaf->bytes + place;
    uint32_t size = 0;

    ikv_run_set_places(run, begin, end);
    if (ikv_leaf_content(leaf, place, place < leaf->size - 4 ? ikv_load32(record) : 0, &size) &&
        size >= run->batch->store->surplus && size <= fetched_left(run)) {
        note_fetched(run, size);
        deliver(run, begin, end, record + IKV_RECORD_HEADER_SIZE, size, NULL);
    } else {
        fail_size(run, begin, end);
    }
}

void ikv_deliver_leaf(struct ikv_run *run, const struct ikv_page *page, uint32_t hits_before)
{
    struct ikv_search *search = &run->search;
    const uint32_t count = search->hit_count;
    uint32_t kept = hits_before;
    uint32_t end;

    for (uint32_t begin = hits_before; begin < count && !run->fatal; begin = end) {
        const uint64_t position = search->hits[begin].position;
        end = same_record(run, begin, count);
        if (position >= page->offset && position - page->offset < page->leaf.size)
            deliver_place(run, begin, end, &page->leaf, (uint32_t)(position - page->offset));
        else
            for (uint32_t i = begin; i < end; i++)
                search->hits[kept++] = search->hits[i];
    }
    search->hit_count = kept;
}
