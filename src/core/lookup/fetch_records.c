#include "core/lookup/fetch_records.h"

#include "core/lookup/deliver.h"
#include "core/lookup/read.h"
#include "core/lookup/tails.h"
#include "core/sort/sort.h"
#include "core/store/record_room.h"

/* Records share a read if the gap between them is at most this: about the cost of another read, and
 * less than the least that a device reads. */
#define GAP_MAX 4096

/* Early generations (ikv_records_are_due): with fewer reads than this in flight, a disk is about to
 * be idle; hits in the first one; growth from one to the next. */
#define EARLY_READS  128
#define EARLY_HITS   32
#define EARLY_GROWTH 4

/* Bytes of one read of a tail that needs no slot buffer, at most. */
#define TAIL_READ_MAX ((uint32_t)1 << 30)

/* ---------------------------------------------------------------- records */

/* Skip hits whose positions are impossible. */
static void skip_impossible(struct ikv_run *run)
{
    const struct ikv_hit *hits = ikv_run_hits(run);
    unsigned char room[IKV_KEY_WIDTH_MAX];

    for (; run->hits_planned < run->hits_sorted; run->hits_planned++) {
        const struct ikv_hit *hit = &hits[run->hits_planned];
        if (ikv_position_possible(run->batch->store, hit->position))
            return;
        run->search.status[hit->key] = IKV_CORRUPT;
        ikv_run_note(run, IKV_E_INDEX, IKV_NO_OFFSET, ikv_run_stored_key(run, hit->key, room),
                     "entry points outside the record area");
    }
}

/* Whether a hit is left to read. Begins a new generation if the last one is used up. */
static bool next_hit(struct ikv_run *run)
{
    struct ikv_hit *hits = ikv_run_hits(run);
    const uint32_t known = run->search.hit_count;

    skip_impossible(run);
    if (run->hits_planned == run->hits_sorted && known > run->hits_sorted) {
        uint32_t n = known - run->hits_sorted;
        ikv_run_set_places(run, run->hits_sorted, known);
        if (n > 1)
            ikv_sort_entries((uint64_t *)(void *)(hits + run->hits_sorted), run->sort_buffer, n, 2);
        run->hits_sorted = known;
        if (run->early_hits <= UINT32_MAX / EARLY_GROWTH)
            run->early_hits *= EARLY_GROWTH;
        skip_impossible(run);
    }
    return run->hits_planned < run->hits_sorted;
}

/*
 * While pages are held in memory no reads are in flight, and a disk would be idle until all pages
 * have been searched. So records are read early, in generations each four times as large as the
 * last: the larger a generation, the more of its records share a read. (Not with FLOOR and CEILING,
 * where keys that match the same record would be in different generations and read it repeatedly.)
 */
bool ikv_records_are_due(const struct ikv_run *run)
{
    if (!run->last_page_was_held || run->in_flight >= EARLY_READS ||
        run->window->backend->synchronous || run->search.match != IKV_EXACT)
        return false;
    return run->hits_planned < run->hits_sorted ||
           run->search.hit_count - run->hits_sorted >= run->early_hits;
}

void ikv_records_begin(struct ikv_run *run)
{
    run->hits_sorted = run->hits_planned = 0;
    run->early_hits = EARLY_HITS;
    run->last_page_was_held = false;
}

/* Where the first read of a record ends. */
static uint64_t first_read_end(const struct ikv_run *run, uint64_t position)
{
    const struct ikv_store *store = run->batch->store;
    const struct ikv_record_room room = ikv_record_room(store, position);

    if (room.is_inside) /* the end of the leaf says where the record ends */
        return room.end;
    return ikv_min(position + ikv_min(store->first_read, run->window->slot_size), room.end);
}

static void read_records(struct ikv_run *run, uint32_t begin, uint32_t end, uint64_t read_end)
{
    const uint64_t start = ikv_run_hits(run)[begin].position;
    struct ikv_slot *slot = ikv_window_take(run->window, run, IKV_SLOT_RECORDS);

    slot->hit_begin = begin;
    slot->hit_end = end;
    slot->is_mapped =
        ikv_read(run, slot, &slot->data, slot->data_buffer, start, (uint32_t)(read_end - start));
    if (!slot->is_mapped) {
        run->stats.record_reads++;
        run->stats.record_bytes += read_end - start;
    }
    ikv_read_launch(run, slot);
}

/* Postponed long records come first: they wait for memory. */
static bool is_held_up(const struct ikv_run *run)
{
    const struct ikv_batch *batch = run->batch;

    if ((batch->options.flags & IKV_GET_BARRIER) &&
        (run->pages_in_flight > 0 || ikv_search_peek(&run->search) != UINT64_MAX))
        return true;
    return run->postponed_next < run->postponed_count;
}

/* Prefetch the keys and items of hits, which are in random order once the hits are sorted by
 * position. (Must be inlined, as in fetch_pages.c.) */
static inline __attribute__((always_inline)) void prefetch(const struct ikv_run *run,
                                                           uint32_t begin, uint32_t end)
{
    const struct ikv_search *search = &run->search;

    for (uint32_t i = begin; i < end; i++) {
        const struct ikv_hit *hit = &search->hits[i];
        if (search->match == IKV_EXACT)
            IKV_PREFETCH(search->keys.entries + (size_t)hit->key * search->keys.stride);
        else
            IKV_PREFETCH(search->matched + (size_t)hit->key * search->index->key.width);
        if (hit->place != IKV_MANY_PLACES)
            IKV_PREFETCH_WRITE(&run->batch->items[hit->place]);
    }
}

/* The next record, and those after it that fit into the same read. */
bool ikv_records_plan(struct ikv_run *run)
{
    const struct ikv_store *store = run->batch->store;
    const struct ikv_hit *hits = ikv_run_hits(run);

    if (is_held_up(run) || !next_hit(run))
        return false;
    uint32_t begin = run->hits_planned;
    uint32_t end = begin + 1;
    const uint64_t start = hits[begin].position;
    uint64_t read_end = first_read_end(run, start);
    const uint64_t gap = run->file->source ? 0 : GAP_MAX; /* its backend merges requests */
    while (end < run->hits_sorted && ikv_position_possible(store, hits[end].position) &&
           hits[end].position <= read_end + gap &&
           first_read_end(run, hits[end].position) - start <= run->window->slot_size) {
        read_end = first_read_end(run, hits[end].position);
        end++;
    }
    run->hits_planned = end;
    run->stats.merged += end - begin - 1;
    prefetch(run, begin, end);
    read_records(run, begin, end, read_end);
    return true;
}

void ikv_records_read_separately(struct ikv_run *run, uint32_t hit)
{
    /* Hits of the same record are now read one by one, and each read is counted. */
    const struct ikv_store *store = run->batch->store;
    atomic_fetch_add(&run->batch->fetched_max, ikv_min(store->record_size_max, store->records_end));
    read_records(run, hit, hit + 1, first_read_end(run, ikv_run_hits(run)[hit].position));
}

static void fail_hits(struct ikv_run *run, uint32_t begin, uint32_t end, int code, uint64_t offset)
{
    for (uint32_t i = begin; i < end; i++)
        run->search.status[ikv_run_hits(run)[i].key] = IKV_UNREADABLE;
    ikv_run_note(run, code, offset, NULL, "cannot read a record");
}

void ikv_records_complete(struct ikv_run *run, struct ikv_slot *slot)
{
    const uint64_t start = ikv_run_hits(run)[slot->hit_begin].position;
    const uint64_t before = run->stats.records;
    const int code = slot->data.request.code;

    if (code == 0)
        ikv_deliver_records(run, slot->hit_begin, slot->hit_end, slot->data.bytes, slot->data.size);
    else if (slot->hit_end - slot->hit_begin == 1)
        fail_hits(run, slot->hit_begin, slot->hit_end, code, start);
    else
        for (uint32_t i = slot->hit_begin; i < slot->hit_end; i++)
            ikv_read_separately(run, IKV_SLOT_RECORDS, i);
    if (slot->is_mapped)
        run->stats.mapped += run->stats.records - before;
}

/* ---------------------------------------------------------------- tails */

/* Read the next part: directly to its place, or through the slot's buffer if it must be aligned. */
static void read_tail(struct ikv_run *run, struct ikv_slot *slot)
{
    const uint64_t position = ikv_run_hits(run)[slot->hit_begin].position;
    const uint64_t offset = position + IKV_RECORD_HEADER_SIZE + slot->record_have;
    const struct ikv_io_file *file = run->file;
    const bool by_slots = file->direct || ikv_window_is_bounded(run->window);
    const uint32_t max = by_slots ? run->window->slot_size : TAIL_READ_MAX;
    const uint32_t size = (uint32_t)ikv_min(slot->record_size - slot->record_have, max);

    slot->is_mapped =
        ikv_read(run, slot, &slot->data,
                 file->direct ? slot->data_buffer : slot->record + slot->record_have, offset, size);
    if (!slot->is_mapped) {
        run->stats.record_reads++;
        run->stats.record_bytes += size;
    }
    ikv_read_launch(run, slot);
}

bool ikv_records_plan_tail(struct ikv_run *run)
{
    const struct ikv_tail *tail = ikv_tails_are_waiting(run) ? ikv_tails_next(run) : NULL;

    if (!tail)
        return false;
    struct ikv_slot *slot = ikv_window_take(run->window, run, IKV_SLOT_TAIL);
    slot->hit_begin = tail->hit_begin;
    slot->hit_end = tail->hit_end;
    slot->record = tail->record;
    slot->record_size = tail->size;
    slot->record_have = tail->have;
    read_tail(run, slot);
    return true;
}

bool ikv_records_complete_tail(struct ikv_run *run, struct ikv_slot *slot)
{
    const uint64_t position = ikv_run_hits(run)[slot->hit_begin].position;
    const int code = slot->data.request.code;

    if (code < 0) {
        fail_hits(run, slot->hit_begin, slot->hit_end, code, position);
        ikv_tails_end(run);
        return false;
    }
    if (slot->data.bytes != slot->record + slot->record_have)
        memcpy(slot->record + slot->record_have, slot->data.bytes, slot->data.size);
    slot->record_have += slot->data.size;
    if (slot->record_have < slot->record_size) {
        slot->waiting = 0;
        read_tail(run, slot);
        return true;
    }
    ikv_deliver_whole(run, slot->hit_begin, slot->hit_end, slot->record, slot->record_size);
    run->stats.mapped += slot->is_mapped;
    ikv_tails_end(run);
    return false;
}
