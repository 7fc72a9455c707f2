#include "core/lookup/deliver.h"

#include "core/format/checksum.h"
#include "core/lookup/tails.h"

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

    if (store->surplus == 0)
        return true;
    uint32_t value_size = size - store->surplus;
    return ikv_load32(record + value_size) ==
           ikv_record_checksum(store->record_seed, key, store->index.key.width, record, value_size);
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

/* Deliver the record of hits [begin, end). `value` is where its value stays; NULL: not copied yet.
 */
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
        if (!value) {
            value = keep_value(run, record, value_size);
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

void ikv_deliver_whole(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                       const unsigned char *record, uint32_t size)
{
    deliver(run, hit_begin, hit_end, record, size, record);
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

void ikv_deliver_records(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                         const unsigned char *bytes, size_t size)
{
    const struct ikv_hit *hits = ikv_run_hits(run);
    const uint64_t start = hits[hit_begin].position;
    const uint64_t left = fetched_left(run);
    uint64_t fetched = 0;

    for (uint32_t begin = hit_begin; begin < hit_end && !run->fatal;) {
        uint64_t position = hits[begin].position;
        const unsigned char *at = bytes + (position - start);
        size_t have = size - (size_t)(position - start) - IKV_RECORD_HEADER_SIZE;
        uint32_t end = begin + 1;
        while (end < hit_end && hits[end].position == position)
            end++;

        uint32_t record_size = ikv_load32(at);
        if (!ikv_record_size_possible(run->batch->store, position, record_size) ||
            record_size > left - fetched) {
            unsigned char room[IKV_KEY_WIDTH_MAX];
            set_status(run, begin, end, IKV_CORRUPT);
            ikv_run_note(run, IKV_E_RECORD, position,
                         ikv_run_stored_key(run, hits[begin].key, room), "impossible size");
            begin = end;
            continue;
        }
        fetched += record_size;
        if (over_budget(run, record_size)) {
            set_status(run, begin, end, IKV_DEFERRED);
        } else if (record_size <= have) {
            deliver(run, begin, end, at + IKV_RECORD_HEADER_SIZE, record_size, NULL);
        } else {
            ikv_tails_add(run, (struct ikv_tail){begin, end, NULL, record_size, (uint32_t)have},
                          at + IKV_RECORD_HEADER_SIZE);
        }
        begin = end;
    }
    note_fetched(run, fetched);
}
