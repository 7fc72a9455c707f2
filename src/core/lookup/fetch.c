#include "core/lookup/fetch.h"

#include "core/base/clock.h"
#include "core/base/stats.h"
#include "core/lookup/deliver.h"
#include "core/lookup/fetch_pages.h"
#include "core/lookup/fetch_records.h"
#include "core/lookup/read.h"

/* ---------------------------------------------------------------- latency */

/* The histogram of a level (row 1 + level) or of records (row 0); NULL: no memory, not measured. */
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

/* A synchronous backend carries a read out when it is reaped, so it is timed from then. */
static void measure(struct ikv_run *run, const struct ikv_slot *slot)
{
    const uint64_t began = ikv_max(slot->started, run->window->reap_began);
    size_t row = 0;

    if (slot->use == IKV_SLOT_PAGES)
        row = 1 + (size_t)ikv_min(run->search.chunks[slot->chunks[0]].level, IKV_LEVELS_MAX - 1);
    struct ikv_latency *latency = latency_row(run, row);
    if (latency)
        ikv_latency_record(latency, ikv_clock() - began);
}

/* ---------------------------------------------------------------- planning */

static bool plan_separate(struct ikv_run *run)
{
    const struct ikv_separate_read *next = run->separate.bytes;

    if (run->separate_next == run->separate_count)
        return false;
    next += run->separate_next++;
    if (next->use == IKV_SLOT_PAGES)
        ikv_pages_read_separately(run, next->number);
    else
        ikv_records_read_separately(run, next->number);
    return true;
}

static bool is_stopped(struct ikv_run *run)
{
    if (!run->fatal && atomic_load_explicit(&run->batch->canceled, memory_order_relaxed))
        run->fatal = IKV_E_CANCELED;
    return run->fatal != 0;
}

bool ikv_fetch_plan(struct ikv_run *run)
{
    if (is_stopped(run) || ikv_window_is_full(run->window))
        return false;
    if (plan_separate(run) || ikv_records_plan_tail(run))
        return true;
    if (ikv_records_are_due(run) && ikv_records_plan(run))
        return true;
    return ikv_pages_plan(run) || ikv_records_plan(run);
}

/* ---------------------------------------------------------------- completing */

/* Of a stopped run, reads in flight are only waited for. */
void ikv_fetch_complete(struct ikv_slot *slot)
{
    struct ikv_run *run = slot->run;
    struct ikv_window *window = run->window;
    bool again = false;

    run->in_flight--;
    run->stats.retries += slot->data.request.retries;
    run->stats.retries += slot->sums.request.retries;
    run->stats.system_calls += ikv_window_system_calls(window);
    if (ikv_run_measures_latency(run) && !slot->is_mapped)
        measure(run, slot);
    if (window->nowait && !run->fatal) {
        if (ikv_fetch_would_wait(slot->data.request.code))
            run->fatal = slot->data.request.code;
        else if (ikv_fetch_would_wait(slot->sums.request.code))
            run->fatal = slot->sums.request.code;
    }
    if (!is_stopped(run)) {
        switch (slot->use) {
        case IKV_SLOT_PAGES:
            ikv_pages_complete(run, slot);
            break;
        case IKV_SLOT_RECORDS:
            ikv_records_complete(run, slot);
            break;
        case IKV_SLOT_TAIL:
            again = ikv_records_complete_tail(run, slot);
            break;
        }
    }
    if (!again)
        ikv_window_release(window, slot);
}

/* ---------------------------------------------------------------- begin and end */

/* Without memory nothing is learned. */
static void begin_learning(struct ikv_run *run)
{
    const struct ikv_key_info *key = &run->batch->index->key;
    const size_t size = ikv_learned_size(key, run->search.keys.count);
    void *memory = NULL;

    if (run->batch->learner && ikv_learner_learns(run->batch->learner))
        memory = ikv_scratch_get(&run->learned_memory, size);
    ikv_learned_begin(&run->learned, key, memory, memory ? size : 0);
}

void ikv_fetch_begin(struct ikv_run *run, struct ikv_window *window)
{
    struct ikv_batch *batch = run->batch;

    run->window = window;
    run->file = batch->store->reads;
    run->next = NULL;
    run->map = batch->map;
    run->usable_size = batch->usable_size;
    run->fatal = 0;
    run->in_flight = run->pages_in_flight = 0;
    run->barrier_level = 0;
    run->prefetched = 0;
    ikv_records_begin(run);
    run->fetched = 0;
    run->tails_unfinished = run->tail_count = run->tail_next = 0;
    run->postponed_count = run->postponed_next = 0;
    run->separate_count = run->separate_next = 0;
    run->latency_rows = 0;
    run->stats.backend = window->backend->name;
    window->timed = ikv_run_measures_latency(run) || (window->timed && !ikv_window_is_idle(window));
    if (window->backend->features)
        run->stats.ring_features = window->backend->features(window->io);
    begin_learning(run);
    if (run->map)
        ikv_faults_begin(&run->faults, run->search.keys.count);
    if (!batch->records_only)
        ikv_search_begin(&run->search);
}

void ikv_fetch_finish(struct ikv_run *run)
{
    struct ikv_stats *stats = &run->stats;

    if (run->map)
        stats->major_faults =
            ikv_faults_end(&run->faults, run->map, run->search.keys.count, stats->mapped);
    if (run->batch->learner)
        ikv_learner_add(run->batch->learner, &run->learned, run->search.keys.count);
    for (uint32_t key = 0; key < run->search.keys.count; key++) {
        int32_t status = run->search.status[key];
        const uint64_t places = run->starts[key + 1] - run->starts[key];
        switch (status) {
        case IKV_FOUND:
        case IKV_OTHER_SIZE:
            stats->found += places;
            continue;
        case IKV_MISSING:
            stats->missing += places;
            break;
        case IKV_CORRUPT:
            stats->corrupt += places;
            break;
        default:
            stats->unreadable += places;
            break;
        }
        ikv_deliver_item(run, key, (struct ikv_item){NULL, NULL, 0, status});
    }
    if (stats->mapped > 0)
        stats->backend = ikv_stats_backend(
            true, stats->index_reads + stats->record_reads > 0 ? run->window->backend->name : NULL);
}

void ikv_fetch_run(struct ikv_run *run, struct ikv_window *window)
{
    ikv_fetch_begin(run, window);
    for (;;) {
        while (ikv_fetch_plan(run))
            ;
        if (ikv_fetch_is_done(run))
            break;
        ikv_fetch_complete(ikv_window_reap(window));
    }
    if (!run->fatal)
        ikv_fetch_finish(run);
}
