/* Records: which are read together, and the rest of those that are longer than expected. */
#include "core/lookup/fetch.h"
#include "core/sort/sort.h"

/* Two records are read together if no more than this lies between them: about what one more read
 * costs, and less than a device reads anyway. */
#define GAP_MAX 4096

/* With fewer reads than so many under way, a disk is about to be idle. */
#define EARLY_READS  128
#define EARLY_HITS   32
#define EARLY_GROWTH 4

/* One read of a tail that goes straight to its place. */
#define TAIL_READ_MAX ((uint32_t)1 << 30)

/* ---------------------------------------------------------------- records */

static void skip_impossible(struct ikv_run *run)
{
    const struct ikv_hit *hits = ikv_run_hits(run);
    unsigned char room[IKV_KEY_WIDTH_MAX];

    for (; run->hits_planned < run->hits_sorted; run->hits_planned++) {
        const struct ikv_hit *hit = &hits[run->hits_planned];
        if (ikv_position_possible(run->batch->store, hit->position))
            return;
        run->search.status[hit->key] = IKV_CORRUPT;
        ikv_run_note(run, IKV_E_INDEX, IKV_NO_OFFSET, ikv_stored_key(run, hit->key, room),
                     "an entry points outside the records");
    }
}

/* Note with each new hit where its answer goes: in order of keys, that costs little. */
static void name_callers(const struct ikv_run *run, uint32_t begin, uint32_t end)
{
    struct ikv_hit *hits = ikv_run_hits(run);

    for (uint32_t i = begin; i < end; i++) {
        const uint32_t *starts = run->starts + hits[i].key;
        hits[i].caller = starts[1] - starts[0] == 1 ? run->batch->callers[starts[0]] : IKV_CALLERS;
    }
}

/* Is there a hit to be read? Begins a new generation if the last one is used up. */
static bool next_hit(struct ikv_run *run)
{
    struct ikv_hit *hits = ikv_run_hits(run);
    const uint32_t known = run->search.hit_count;

    skip_impossible(run);
    if (run->hits_planned == run->hits_sorted && known > run->hits_sorted) {
        uint32_t n = known - run->hits_sorted;
        name_callers(run, run->hits_sorted, known);
        if (n > 1)
            ikv_sort_entries((uint64_t *)(void *)(hits + run->hits_sorted), run->sorting, n, 2);
        run->hits_sorted = known;
        if (run->hits_early <= UINT32_MAX / EARLY_GROWTH)
            run->hits_early *= EARLY_GROWTH;
        skip_impossible(run);
    }
    return run->hits_planned < run->hits_sorted;
}

/*
 * While pages come from memory no reads are under way, and to go through all of them first would
 * have the disk wait. So the records that are known are read as soon as there are enough of them,
 * each time four times as many: the larger a generation, the more of its records share a read.
 * (With FLOOR and CEILING, keys that match the same record would come to be in many generations.)
 */
bool ikv_records_are_due(const struct ikv_run *run)
{
    if (!run->is_fed || run->in_flight >= EARLY_READS || run->window->backend->synchronous ||
        run->search.match != IKV_EXACT)
        return false;
    return run->hits_planned < run->hits_sorted ||
           run->search.hit_count - run->hits_sorted >= run->hits_early;
}

void ikv_records_begin(struct ikv_run *run)
{
    run->hits_sorted = run->hits_planned = 0;
    run->hits_early = EARLY_HITS;
    run->is_fed = false;
}

static uint64_t first_read_end(const struct ikv_run *run, uint64_t position)
{
    const struct ikv_store *store = run->batch->store;
    return ikv_min(position + ikv_min(store->first_read, run->window->slot_size),
                   store->records_end);
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
    ikv_launch(run, slot);
}

/* Long records that wait for memory come first. */
static bool is_held_up(const struct ikv_run *run)
{
    const struct ikv_batch *batch = run->batch;

    if ((batch->options.flags & IKV_GET_BARRIER) &&
        (run->pages_in_flight > 0 || ikv_search_peek(&run->search) != UINT64_MAX))
        return true;
    return run->later_next < run->later_count;
}

/* In order of records, keys and answers are all over memory: get them while the read goes on. (gcc
 * takes a function that does nothing else for one without effect, and drops the call.) */
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
        if (hit->caller != IKV_CALLERS)
            IKV_PREFETCH_WRITE(&run->batch->items[hit->caller]);
    }
}

/* The next record, and those behind it that fit into the same read. */
bool ikv_plan_records(struct ikv_run *run)
{
    const struct ikv_store *store = run->batch->store;
    const struct ikv_hit *hits = ikv_run_hits(run);

    if (is_held_up(run) || !next_hit(run))
        return false;
    uint32_t begin = run->hits_planned;
    uint32_t end = begin + 1;
    const uint64_t start = hits[begin].position;
    uint64_t read_end = first_read_end(run, start);
    while (end < run->hits_sorted && ikv_position_possible(store, hits[end].position) &&
           hits[end].position <= read_end + GAP_MAX &&
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

void ikv_read_record_alone(struct ikv_run *run, uint32_t hit)
{
    /* Hits of one record come one by one now, and each counts. */
    const struct ikv_store *store = run->batch->store;
    atomic_fetch_add(&run->batch->fetched_most,
                     ikv_min(store->record_size_max, store->records_end));
    read_records(run, hit, hit + 1, first_read_end(run, ikv_run_hits(run)[hit].position));
}

static void fail_hits(struct ikv_run *run, uint32_t begin, uint32_t end, int code, uint64_t offset)
{
    for (uint32_t i = begin; i < end; i++)
        run->search.status[ikv_run_hits(run)[i].key] = IKV_UNREADABLE;
    ikv_run_note(run, code, offset, NULL, "reading a record");
}

void ikv_complete_records(struct ikv_run *run, struct ikv_slot *slot)
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
            ikv_read_alone(run, IKV_SLOT_RECORDS, i);
    if (slot->is_mapped)
        run->stats.mapped += run->stats.records - before;
}

/* ---------------------------------------------------------------- rests of long records */

/* The next piece: straight to its place, or through the slot's buffer if it has to be aligned. */
static void read_tail(struct ikv_run *run, struct ikv_slot *slot)
{
    const uint64_t position = ikv_run_hits(run)[slot->hit_begin].position;
    const uint64_t offset = position + IKV_RECORD_HEADER_SIZE + slot->record_have;
    const struct ikv_io_file *file = run->file;
    const bool by_slots = file->direct || ikv_window_is_bounded(run->window);
    const uint32_t most = by_slots ? run->window->slot_size : TAIL_READ_MAX;
    const uint32_t size = (uint32_t)ikv_min(slot->record_size - slot->record_have, most);

    slot->is_mapped =
        ikv_read(run, slot, &slot->data,
                 file->direct ? slot->data_buffer : slot->record + slot->record_have, offset, size);
    if (!slot->is_mapped) {
        run->stats.record_reads++;
        run->stats.record_bytes += size;
    }
    ikv_launch(run, slot);
}

bool ikv_plan_tail(struct ikv_run *run)
{
    if (run->tail_next == run->tail_count && !ikv_resume_later(run))
        return false;
    const struct ikv_tail *tail = (const struct ikv_tail *)run->tails.bytes + run->tail_next++;
    struct ikv_slot *slot = ikv_window_take(run->window, run, IKV_SLOT_TAIL);
    slot->hit_begin = tail->hit_begin;
    slot->hit_end = tail->hit_end;
    slot->record = tail->record;
    slot->record_size = tail->size;
    slot->record_have = tail->have;
    read_tail(run, slot);
    return true;
}

static void end_tail(struct ikv_run *run)
{
    if (--run->tails_unfinished == 0 && ikv_run_passes_on(run))
        ikv_arena_reset(&run->arena);
}

bool ikv_complete_tail(struct ikv_run *run, struct ikv_slot *slot)
{
    const uint64_t position = ikv_run_hits(run)[slot->hit_begin].position;
    const int code = slot->data.request.code;

    if (code < 0) {
        fail_hits(run, slot->hit_begin, slot->hit_end, code, position);
        end_tail(run);
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
    end_tail(run);
    return false;
}
