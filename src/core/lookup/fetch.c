/*
 * The query driver: keeps a window of reads in flight until the batch is done.
 *
 * Whenever a slot is free, the next read is planned: the rest of a long record, else pages that the
 * search waits for, else records whose positions are known. There is no barrier between levels or
 * between index and records: what a finished read makes possible is planned at once. Records are
 * taken in generations: all positions known when the pages have run out, sorted, so that neighbours
 * share a read; positions that turn up later make the next generation.
 *
 * Nothing here waits, but for ikv_run_alone: whoever owns the window may mix runs in it.
 */
#include "core/lookup/fetch.h"

#include "core/base/clock.h"

#include <errno.h>

void ikv_run_free(struct ikv_run *run)
{
    ikv_arena_free(&run->arena);
    ikv_scratch_free(&run->latency);
    ikv_scratch_free(&run->learning);
    ikv_scratch_free(&run->tails);
    ikv_scratch_free(&run->later);
    ikv_scratch_free(&run->alone);
}

/* ---------------------------------------------------------------- latency */

static bool measures_latency(const struct ikv_run *run)
{
    return (run->batch->options.flags & IKV_GET_LATENCY) != 0;
}

/* The histogram of a level, or of records (row 0); NULL: no memory, then it is not measured. */
static struct ikv_latency *latency_row(struct ikv_run *run, size_t row)
{
    const size_t used = run->latency_rows * sizeof(struct ikv_latency);
    const size_t want = (row + 1) * sizeof(struct ikv_latency);
    unsigned char *rows = run->latency.bytes;

    if (row >= run->latency_rows) {
        rows = ikv_scratch_keep(&run->latency, used, want);
        if (!rows)
            return NULL;
        memset(rows + used, 0, want - used);
        run->latency_rows = (uint32_t)row + 1;
    }
    return (struct ikv_latency *)(void *)rows + row;
}

/* Reads of a synchronous backend begin when their turn comes. */
static void measure(struct ikv_run *run, const struct ikv_slot *slot)
{
    const uint64_t began = ikv_max(slot->started, run->window->reap_began);
    size_t row = 0;

    if (slot->use == IKV_SLOT_PAGES)
        row = 1 + ikv_min(run->search.chunks[slot->chunks[0]].level, IKV_LEVELS_MAX - 1);
    struct ikv_latency *latency = latency_row(run, row);
    if (latency)
        ikv_latency_record(latency, ikv_clock() - began);
}

/* ---------------------------------------------------------------- planning */

/* With IKV_BACKEND_MMAP all is read from the mapping, as far as the file goes. */
bool ikv_read(struct ikv_run *run, struct ikv_slot *slot, struct ikv_slot_read *read, void *buffer,
              uint64_t offset, uint32_t size)
{
    struct ikv_map *map = run->map;

    if (!map || (!map->believes_all && !ikv_map_ask(map, offset, size))) {
        ikv_window_read(run->window, slot, read, run->file, buffer, offset, size);
        return false;
    }
    if (size > run->present || offset > run->present - size) {
        ikv_window_answer(slot, read, NULL, size, IKV_E_TRUNCATED);
        return true;
    }
    ikv_window_answer(slot, read, map->bytes + offset, size, 0);
    IKV_PREFETCH(map->bytes + offset);
    return true;
}

void ikv_launch(struct ikv_run *run, struct ikv_slot *slot)
{
    run->in_flight++;
    if (measures_latency(run))
        slot->started = ikv_clock();
    ikv_window_launch(run->window, slot);
}

void ikv_read_alone(struct ikv_run *run, enum ikv_slot_use use, uint32_t number)
{
    const size_t used = run->alone_count * sizeof(struct ikv_alone);
    struct ikv_alone *alone = ikv_scratch_keep(&run->alone, used, used + sizeof *alone);

    if (alone)
        alone[run->alone_count++] = (struct ikv_alone){use, number};
    else
        run->fatal = -ENOMEM;
}

static bool plan_alone(struct ikv_run *run)
{
    const struct ikv_alone *alone = run->alone.bytes;

    if (run->alone_next == run->alone_count)
        return false;
    alone += run->alone_next++;
    if (alone->use == IKV_SLOT_PAGES)
        ikv_read_page_alone(run, alone->number);
    else
        ikv_read_record_alone(run, alone->number);
    return true;
}

static bool is_stopped(struct ikv_run *run)
{
    if (!run->fatal && atomic_load_explicit(&run->batch->canceled, memory_order_relaxed))
        run->fatal = IKV_E_CANCELED;
    return run->fatal != 0;
}

bool ikv_run_plan(struct ikv_run *run)
{
    if (is_stopped(run) || ikv_window_is_full(run->window))
        return false;
    if (plan_alone(run) || ikv_plan_tail(run))
        return true;
    if (ikv_records_are_due(run) && ikv_plan_records(run))
        return true;
    return ikv_plan_pages(run) || ikv_plan_records(run);
}

/* ---------------------------------------------------------------- completing */

/* After a fatal error the reads in flight are only waited for. */
void ikv_run_complete(struct ikv_slot *slot)
{
    struct ikv_run *run = slot->run;
    struct ikv_window *window = run->window;
    bool again = false;

    run->in_flight--;
    run->stats.retries += slot->data.request.retries;
    run->stats.retries += slot->sums.request.retries;
    run->stats.system_calls += ikv_window_system_calls(window);
    if (measures_latency(run) && !slot->is_mapped)
        measure(run, slot);
    if (window->nowait && !run->fatal) { /* it would have to wait: not here */
        if (ikv_is_refused(slot->data.request.code))
            run->fatal = slot->data.request.code;
        else if (ikv_is_refused(slot->sums.request.code))
            run->fatal = slot->sums.request.code;
    }
    if (!is_stopped(run)) {
        switch (slot->use) {
        case IKV_SLOT_PAGES:
            ikv_complete_pages(run, slot);
            break;
        case IKV_SLOT_RECORDS:
            ikv_complete_records(run, slot);
            break;
        case IKV_SLOT_TAIL:
            again = ikv_complete_tail(run, slot);
            break;
        }
    }
    if (!again)
        ikv_window_release(window, slot);
}

/* ---------------------------------------------------------------- from begin to end */

/* Without memory nothing is learned. */
static void begin_learning(struct ikv_run *run)
{
    const struct ikv_key_info *key = &run->batch->index->key;
    const size_t size = ikv_learned_size(key, run->search.keys.count);
    void *memory = NULL;

    if (run->batch->learner && ikv_learner_learns(run->batch->learner))
        memory = ikv_scratch_get(&run->learning, size);
    ikv_learned_begin(&run->learned, key, memory, memory ? size : 0);
}

void ikv_run_begin(struct ikv_run *run, struct ikv_window *window)
{
    struct ikv_batch *batch = run->batch;

    run->window = window;
    run->file = batch->store->reads;
    run->next = NULL;
    run->map = batch->map;
    run->present = batch->present;
    run->fatal = 0;
    run->in_flight = run->pages_in_flight = 0;
    run->barrier_level = 0;
    ikv_records_begin(run);
    run->fetched = 0;
    run->tails_unfinished = run->tail_count = run->tail_next = 0;
    run->later_count = run->later_next = 0;
    run->alone_count = run->alone_next = 0;
    run->latency_rows = 0;
    run->stats.backend = window->backend->name;
    window->timed = measures_latency(run) || (window->timed && !ikv_window_is_idle(window));
    if (window->backend->features)
        run->stats.ring_features = window->backend->features(window->io);
    begin_learning(run);
    if (run->map)
        ikv_faults_begin(&run->faults, run->search.keys.count);
    if (!batch->records_only)
        ikv_search_begin(&run->search);
}

void ikv_run_finish(struct ikv_run *run)
{
    struct ikv_stats *stats = &run->stats;

    if (run->map)
        stats->major_faults =
            ikv_faults_end(&run->faults, run->map, run->search.keys.count, stats->mapped);
    if (run->batch->learner)
        ikv_learner_add(run->batch->learner, &run->learned, run->search.keys.count);
    for (uint32_t key = 0; key < run->search.keys.count; key++) {
        int32_t status = run->search.status[key];
        uint64_t callers = run->starts[key + 1] - run->starts[key];
        switch (status) {
        case IKV_FOUND:
        case IKV_OTHER_SIZE:
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
        ikv_deliver_item(run, key, (struct ikv_item){NULL, NULL, 0, status});
    }
    if (stats->mapped > 0)
        stats->backend = ikv_backends_name(
            true, stats->index_reads + stats->record_reads > 0 ? run->window->backend->name : NULL);
}

void ikv_run_alone(struct ikv_run *run, struct ikv_window *window)
{
    ikv_run_begin(run, window);
    for (;;) {
        while (ikv_run_plan(run))
            ;
        if (ikv_run_is_done(run))
            break;
        ikv_run_complete(ikv_window_reap(window));
    }
    if (!run->fatal)
        ikv_run_finish(run);
}
