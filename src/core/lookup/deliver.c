/* Records that were read: verify, copy, hand to every place where the caller asked for them. */
#include "core/format/checksum.h"
#include "core/lookup/run.h"

#include <errno.h>

/* So many bytes of records are told to the batch at a time: the counter is shared. */
#define FETCHED_STEP ((uint64_t)1 << 20)

/* Bytes of long values on their way to the caller. */
#define PASSING_MEMORY ((size_t)16 << 20)

/* Where the caller wants values to go. The item is the caller's from then on. */
static void place(struct ikv_run *run, uint32_t caller, ikv_item *item)
{
    struct ikv_batch *batch = run->batch;
    const ikv_get_options *options = &batch->options;

    if (options->values) {
        unsigned char *to = (unsigned char *)options->values + (size_t)caller * options->value_size;
        memcpy(to, item->value, options->value_size);
        item->value = to;
    } else if (options->on_value) {
        if (options->on_value(options->user, caller, item) != 0) {
            atomic_store_explicit(&batch->canceled, true, memory_order_relaxed);
            run->fatal = IKV_E_CANCELED;
        }
        item->value = NULL;
    }
}

/* The answer to a key as one caller gets it. */
static inline void deliver_to(struct ikv_run *run, uint32_t caller, ikv_item item)
{
    const struct ikv_batch *batch = run->batch;
    const bool found = item.status == IKV_FOUND;

    if (run->search.match == IKV_EXACT && (found || item.status == IKV_OTHER_SIZE))
        item.key = batch->caller_keys + (size_t)caller * batch->index->key.width;
    batch->items[caller] = item;
    if (found && ikv_run_passes_on(run))
        place(run, caller, &batch->items[caller]);
}

void ikv_deliver_item(struct ikv_run *run, uint32_t key, struct ikv_item item)
{
    /* Until the caller wants no more of it. */
    for (uint32_t i = run->starts[key]; i < run->starts[key + 1] && !run->fatal; i++)
        deliver_to(run, run->batch->callers[i], item);
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

const unsigned char *ikv_stored_key(const struct ikv_run *run, uint32_t key,
                                    unsigned char room[IKV_KEY_WIDTH_MAX])
{
    const struct ikv_search *search = &run->search;

    if (search->match != IKV_EXACT)
        return search->matched + (size_t)key * search->index->key.width;
    ikv_key_store(&search->index->key, search->keys.entries + (size_t)key * search->keys.stride,
                  room);
    return room;
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

/* Values stay in the arena, unless the caller wants them elsewhere. */
static const void *keep_value(struct ikv_run *run, const unsigned char *record, uint32_t size)
{
    const ikv_get_options *options = &run->batch->options;

    if (options->values || options->on_value)
        return record;
    unsigned char *copy = ikv_arena_alloc(&run->arena, size);
    if (copy)
        memcpy(copy, record, size);
    else
        run->fatal = -ENOMEM;
    return copy;
}

/* hits[begin..end) point to this record. `value` is where its value stays; NULL: not copied yet. */
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
        const unsigned char *stored = ikv_stored_key(run, key, room);
        if (!is_intact(run, stored, record, size)) {
            run->search.status[key] = IKV_CORRUPT;
            ikv_run_note(run, IKV_E_RECORD, hits[i].position, stored, "its checksum is wrong");
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
        if (item.status != IKV_FOUND) /* which it is since it was hit */
            run->search.status[key] = item.status;
        if (run->search.match != IKV_EXACT) {
            unsigned char *matched = run->search.matched + (size_t)key * store->index.key.width;
            if (IKV_BIG_ENDIAN) {
                ikv_key_swap_host(&store->index.key, stored, room);
                memcpy(matched, room, store->index.key.width);
            }
            item.key = matched;
        }
        if (hits[i].caller != IKV_CALLERS)
            deliver_to(run, hits[i].caller, item);
        else
            ikv_deliver_item(run, key, item);
    }
}

void ikv_deliver_whole(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                       const unsigned char *record, uint32_t size)
{
    deliver(run, hit_begin, hit_end, record, size, record);
}

bool ikv_tail_fits(const struct ikv_run *run, uint32_t size)
{
    return !ikv_run_passes_on(run) || run->tails_unfinished == 0 ||
           (size <= PASSING_MEMORY && run->arena.allocated <= PASSING_MEMORY - size);
}

static struct ikv_tail *append_tail(struct ikv_run *run, struct ikv_scratch *list, uint32_t *count)
{
    const size_t used = *count * sizeof(struct ikv_tail);
    struct ikv_tail *tails = ikv_scratch_keep(list, used, used + sizeof *tails);

    if (!tails) {
        run->fatal = -ENOMEM;
        return NULL;
    }
    return &tails[(*count)++];
}

/* Only the beginning is here: what is missing is read into the arena, behind what is there. */
static void add_tail(struct ikv_run *run, struct ikv_tail tail, const unsigned char *bytes)
{
    struct ikv_tail *added;

    if (!ikv_tail_fits(run, tail.size)) {
        added = append_tail(run, &run->later, &run->later_count);
        if (added)
            *added = (struct ikv_tail){tail.hit_begin, tail.hit_end, NULL, tail.size, 0};
        return;
    }
    tail.record = ikv_arena_alloc(&run->arena, tail.size);
    if (!tail.record) {
        run->fatal = -ENOMEM;
        return;
    }
    if (bytes)
        memcpy(tail.record, bytes, tail.have);
    added = append_tail(run, &run->tails, &run->tail_count);
    if (!added)
        return;
    *added = tail;
    run->tails_unfinished++;
}

bool ikv_resume_later(struct ikv_run *run)
{
    const struct ikv_tail *later = run->later.bytes;

    if (run->later_next == run->later_count || !ikv_tail_fits(run, later[run->later_next].size))
        return false;
    add_tail(run, later[run->later_next++], NULL);
    return !run->fatal;
}

/* Shards do not see what the others have not told yet: together they take a little more than all of
 * it at most. */
static uint64_t fetched_left(const struct ikv_run *run)
{
    struct ikv_batch *batch = run->batch;
    const uint64_t most = atomic_load_explicit(&batch->fetched_most, memory_order_relaxed);
    const uint64_t now = atomic_load_explicit(&batch->fetched, memory_order_relaxed) + run->fetched;

    return now < most ? most - now : 0;
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
            ikv_run_note(run, IKV_E_RECORD, position, ikv_stored_key(run, hits[begin].key, room),
                         "its size is impossible");
            begin = end;
            continue;
        }
        fetched += record_size;
        if (over_budget(run, record_size)) {
            set_status(run, begin, end, IKV_DEFERRED);
        } else if (record_size <= have) {
            deliver(run, begin, end, at + IKV_RECORD_HEADER_SIZE, record_size, NULL);
        } else {
            add_tail(run, (struct ikv_tail){begin, end, NULL, record_size, (uint32_t)have},
                     at + IKV_RECORD_HEADER_SIZE);
        }
        begin = end;
    }
    note_fetched(run, fetched);
}
