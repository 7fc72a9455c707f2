#include "core/query/execute.h"

#include "core/base/clock.h"
#include "core/lookup/fetch.h"
#include "core/query/caller_window.h"
#include "core/query/prepare.h"
#include "core/query/query.h"
#include "core/resident/resident.h"
#include "pool/attachment.h"

/*
 * Up to this many keys are looked up by the calling thread: waking a worker costs more than it
 * would save. That holds for data in the page cache, where a read takes a microsecond. If there are
 * rings, the calling thread only reads what is cached (RWF_NOWAIT). If it would have to wait for
 * the disk the batch goes to the workers, unless it has so few keys that their reads could hardly
 * overlap.
 *
 * Some file systems don't support that (tmpfs, where no read waits, among them). There the speed of
 * earlier reads decides: after slow ones, batches go to the workers for a while, which doubles each
 * time that a trial finds reads still slow.
 */
#define CALLER_KEYS      64
#define CALLER_KEYS_COLD 2
#define SLOW_READ_NS     20000
#define BACKOFF_MIN      16
#define BACKOFF_MAX      4096

/* ---------------------------------------------------------------- where */

enum place { IN_ENGINE, HERE, HERE_IF_CACHED };

/* Whether the last reads were fast, or it is time for a trial. */
static bool is_fast(struct ikv_backoff *backoff)
{
    unsigned left = atomic_load_explicit(&backoff->remaining, memory_order_relaxed);

    if (left > 0) /* concurrent decrements may count as one */
        atomic_store_explicit(&backoff->remaining, left - 1, memory_order_relaxed);
    return left == 0;
}

static void note_speed(struct ikv_backoff *backoff, uint64_t began, const ikv_stats *stats)
{
    const uint64_t reads = stats->index_reads + stats->record_reads;
    unsigned interval = 0;

    if (reads > 0 && (ikv_clock() - began) / reads > SLOW_READ_NS) {
        interval = atomic_load_explicit(&backoff->interval, memory_order_relaxed);
        interval = (unsigned)ikv_max(BACKOFF_MIN, ikv_min(2 * (uint64_t)interval, BACKOFF_MAX));
    }
    atomic_store_explicit(&backoff->interval, interval, memory_order_relaxed);
    atomic_store_explicit(&backoff->remaining, interval, memory_order_relaxed);
}

/* Whether the calling thread can read with a ring of its own. If it can't open one, a worker tries,
 * and the batch fails with its reason. Bytes in flight are limited for workers only. */
static bool suits_own_ring(struct ikv_result *result)
{
    struct ikv_window *window;

    return result->distinct <= CALLER_KEYS && !result->batch.records_only &&
           !ikv_attachment_limits_bytes(result->batch.store->attachment) &&
           ikv_caller_window(result, &window) == 0;
}

static enum place choose_place(struct ikv_result *result)
{
    const struct ikv_batch *batch = &result->batch;
    const struct ikv_store *store = batch->store;
    const bool in_order = (store->properties.flags & IKV_PROPERTY_IN_KEY_ORDER) != 0;
    const bool rings =
        (store->backend_wanted == IKV_BACKEND_AUTO || store->backend_wanted == IKV_BACKEND_URING) &&
        ikv_attachment_ring_code(store->attachment) == 0;

    if (store->file.source) /* workers keep connections */
        return IN_ENGINE;
    if (store->backend_wanted == IKV_BACKEND_URING)
        return suits_own_ring(result) ? HERE : IN_ENGINE;
    if (batch->records_only) /* a scan, in one run: in key order its reads are few and large */
        return in_order || !rings ? HERE : IN_ENGINE;
    if (result->distinct > CALLER_KEYS)
        return IN_ENGINE;
    if (!rings)
        return HERE;
    /* A batch that was handed values can't be repeated by the workers. */
    if (store->reads->direct || batch->options.on_value)
        return result->distinct <= CALLER_KEYS_COLD ? HERE : IN_ENGINE;
    if (!atomic_load_explicit(&store->backoff.no_nowait, memory_order_relaxed))
        return HERE_IF_CACHED;
    return result->distinct <= CALLER_KEYS_COLD || is_fast(batch->backoff) ? HERE : IN_ENGINE;
}

/* ---------------------------------------------------------------- on the calling thread */

/* Returns false if, with `nowait`, a read would have waited: the batch must be executed again. */
static bool run_here(struct ikv_result *result, bool nowait)
{
    const struct ikv_store *store = result->batch.store;
    const uint64_t began = ikv_clock();
    struct ikv_window *window = NULL;
    int code = ikv_caller_window(result, &window);

    if (code == IKV_E_UNSUPPORTED)
        code = -EAGAIN; /* connections belong to workers, and none could be started */
    if (code == 0 && result->run_count == result->run_first)
        code = ikv_prepare_runs(result, 1);
    if (code == 0) {
        struct ikv_run *run = result->runs[result->run_first];
        if (store->backend_wanted == IKV_BACKEND_AUTO)
            run->stats.fallback = ikv_attachment_ring_code(store->attachment);
        window->nowait = nowait;
        ikv_fetch_run(run, window);
        if (nowait && ikv_fetch_would_wait(run->fatal))
            return false;
        if (!result->batch.records_only)
            note_speed(result->batch.backoff, began, &run->stats);
    }
    ikv_query_end(result, code);
    return true;
}

/* Look the keys up in memory. Returns false if that ended the batch. */
static bool run_resident(struct ikv_result *result)
{
    int64_t rest = ikv_prepare_resident_runs(result, 1);

    if (rest == 0) {
        ikv_resident_run(result->runs[result->run_first]);
        rest = ikv_query_prepare_rest(result);
    }
    if (rest > 0)
        return true;
    ikv_query_end(result, (int)rest);
    return false;
}

/* ---------------------------------------------------------------- by the engine */

static void run_in_engine(struct ikv_result *result)
{
    struct ikv_attachment *attachment = result->batch.store->attachment;
    const unsigned workers = ikv_attachment_workers(attachment);
    int code = 0;

    if (workers == 0) {
        (void)run_here(result, false);
        return;
    }
    if (!result->batch.records_only)
        code = ikv_query_cut(result, workers);
    if (code == 0)
        code = ikv_attachment_run(attachment, ikv_query_job(result));
    if (code < 0)
        ikv_query_end(result, code);
}

/* Count the reads of a run that has to be repeated. */
static void count_vain_reads(ikv_stats *total, const ikv_stats *run)
{
    total->index_reads += run->index_reads;
    total->index_bytes += run->index_bytes;
    total->record_reads += run->record_reads;
    total->record_bytes += run->record_bytes;
    total->system_calls += run->system_calls;
}

static void run_here_if_cached(struct ikv_result *result)
{
    if (run_here(result, true))
        return;
    const struct ikv_run *run = result->runs[result->run_first];
    count_vain_reads(&result->stats, &run->stats);
    result->run_count = result->run_first; /* make the run anew */
    if (run->fatal == -EOPNOTSUPP)
        atomic_store_explicit(&result->batch.backoff->no_nowait, true, memory_order_relaxed);
    else if (result->distinct > CALLER_KEYS_COLD) {
        run_in_engine(result);
        return;
    }
    (void)run_here(result, false);
}

void ikv_execute(struct ikv_result *result)
{
    if (ikv_query_is_resident(result)) {
        if (result->count > IKV_RESIDENT_KEYS_HERE &&
            ikv_attachment_workers(result->batch.store->attachment) > 1) {
            run_in_engine(result);
            return;
        }
        if (!run_resident(result))
            return;
    }
    switch (choose_place(result)) {
    case HERE_IF_CACHED:
        run_here_if_cached(result);
        return;
    case HERE:
        (void)run_here(result, false);
        return;
    case IN_ENGINE:
        run_in_engine(result);
        return;
    }
}
