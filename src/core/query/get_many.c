/* Looking up: the call that waits for a batch, and where a batch is run. */
#include "backends.h"
#include "core/base/clock.h"
#include "core/io/io_pread.h"
#include "core/lookup/fetch.h"
#include "core/query/result.h"
#include "core/resident/resident.h"

#include <errno.h>

/*
 * Up to so many keys are looked up by the calling thread: what waking a worker costs is more than
 * what the workers save. That is true of data in the page cache, where a read takes a microsecond.
 * If there are rings, the calling thread only reads what is there (RWF_NOWAIT); when it would have
 * to wait for the disk, the batch goes to the workers after all; but for so few keys that their
 * reads could hardly overlap.
 *
 * Some file systems can't tell whether a read would wait (tmpfs, which never does, among them).
 * There the pace of earlier reads tells: after slow ones, batches go to the workers for a while,
 * which doubles each time that a try finds the reads still slow.
 */
#define CALLER_KEYS      64
#define CALLER_KEYS_COLD 2
#define SLOW_READ_NS     20000
#define PATIENCE_MIN     16
#define PATIENCE_MAX     4096

/* Keys of a shard: at least so many, or they are not worth a worker's waking; and no more than so
 * many. Large shards are good: the denser the keys, the more of their records share a read. Where
 * they are large anyway there are more of them than workers, which are not equally fast. */
#define SHARD_KEYS_MIN  64
#define SHARD_KEYS_MAX  131072
#define SHARD_KEYS_EVEN 65536

/* Keys that are looked up in memory: so many take about a millisecond, the calling thread's if that
 * is all; and shards are not larger than to let other batches of the same worker wait 3 ms. */
#define RESIDENT_KEYS_HERE 4096
#define RESIDENT_KEYS_MAX  16384

/* ---------------------------------------------------------------- arguments */

int ikv_get_options_check(const ikv_get_options *options, size_t count, ikv_error *err)
{
    const char *wrong = NULL;

    if ((unsigned)options->match > IKV_CEILING)
        wrong = "no such match";
    else if ((unsigned)options->probe > IKV_PROBE_ENTRY)
        wrong = "no such probe";
    else if (options->flags & ~(IKV_GET_BARRIER | IKV_GET_LATENCY | IKV_GET_IN_PLACE))
        wrong = "unknown flags";
    else if ((options->flags & IKV_GET_IN_PLACE) && (options->values || options->on_value))
        wrong = "values in place exclude both values and on_value";
    else if (options->values && options->on_value)
        wrong = "values and on_value exclude each other";
    else if ((options->values != NULL) != (options->value_size > 0))
        wrong = "values and value_size need each other";
    else if (options->values && count > SIZE_MAX / options->value_size)
        wrong = "values would be larger than memory can be";
    return wrong ? ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "get options: %s", wrong) : 0;
}

static int check(const struct ikv_store *store, size_t count, const ikv_get_options *options,
                 ikv_get_options *known, ikv_error *err)
{
    int code = ikv_options_copy(known, sizeof *known, options, err);

    if (code == 0)
        code = ikv_get_options_check(known, count, err);
    if (code < 0)
        return code;
    if (count >= IKV_NO_CHUNK)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "a batch of more than 2^32 - 2 keys");
    if (known->probe == IKV_PROBE_ENTRY && store->is_clustered && !store->leaves.has_index)
        return ikv_fail(err, IKV_E_UNSUPPORTED, IKV_AT_FILE(store->path),
                        "it has no v2 index, whose entries could be probed");
    return 0;
}

static void void_answers(struct ikv_result *result, int code)
{
    (void)ikv_result_begin(result, 0);
    result->code = code;
}

int ikv_lookup_begin(struct ikv_store *store, const void *keys, size_t count,
                     const ikv_get_options *options, struct ikv_result *result, ikv_error *err)
{
    ikv_get_options known = {0};

    if (!store || !result || (!keys && count)) {
        int code = ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "looking up: an argument is NULL");
        if (result && !ikv_job_is_busy(&result->job))
            void_answers(result, code);
        return code;
    }
    if (ikv_job_is_busy(&result->job))
        return ikv_fail(err, IKV_E_STATE, IKV_NOWHERE, "looking up: the result is busy");
    int code = check(store, count, options, &known, err);
    if (code < 0) {
        void_answers(result, code);
        return code;
    }
    code = ikv_result_begin(result, count);
    if (code == 0) {
        ikv_batch_begin(result, store, keys, count, &known);
        if (count == 0 || !ikv_resident_suits(&result->batch))
            code = ikv_batch_prepare(result, count);
    }
    if (code < 0) {
        void_answers(result, code);
        return ikv_fail(err, code, IKV_AT_FILE(store->path), "looking up %zu keys", count);
    }
    return 0;
}

/* A worker's failure to have a ring is explained; other codes speak for themselves. */
static void describe_fatal(struct ikv_result *result, int code)
{
    const struct ikv_where at = IKV_AT_FILE(result->batch.store->path);
    const unsigned long long keys = result->stats.keys;
    char reason[200];

    if (code == result->stats.fallback)
        (void)ikv_fail(&result->error, code, at, "looking up %llu keys: %s", keys,
                       ikv_io_ring_explain(code, reason, sizeof reason));
    else
        (void)ikv_fail(&result->error, code, at, "looking up %llu keys", keys);
}

void ikv_lookup_end(struct ikv_result *result, int code)
{
    const struct ikv_problem *problem = &result->problem;

    ikv_batch_end(result);
    if (code == 0)
        code = ikv_result_collect(result);
    result->fatal = result->code = code;
    if (code < 0) {
        result->count = 0;
        describe_fatal(result, code);
    } else if (problem->read_code < 0) {
        result->code = problem->read_code;
        result->error = problem->read_error;
    }
}

/* ---------------------------------------------------------------- where it is run */

enum place { IN_ENGINE, HERE, HERE_IF_RESIDENT };

/* Whether reads are fast, or it is time to find out whether they are by now. */
static bool is_fast(struct ikv_pace *pace)
{
    unsigned left = atomic_load_explicit(&pace->pass_on, memory_order_relaxed);

    if (left > 0) /* threads that count at the same time: one step less */
        atomic_store_explicit(&pace->pass_on, left - 1, memory_order_relaxed);
    return left == 0;
}

static void note_pace(struct ikv_pace *pace, uint64_t began, const ikv_stats *stats)
{
    const uint64_t reads = stats->index_reads + stats->record_reads;
    unsigned patience = 0;

    if (reads > 0 && (ikv_clock() - began) / reads > SLOW_READ_NS) {
        patience = atomic_load_explicit(&pace->patience, memory_order_relaxed);
        patience = (unsigned)ikv_max(PATIENCE_MIN, ikv_min(2 * (uint64_t)patience, PATIENCE_MAX));
    }
    atomic_store_explicit(&pace->patience, patience, memory_order_relaxed);
    atomic_store_explicit(&pace->pass_on, patience, memory_order_relaxed);
}

static enum place choose_place(const struct ikv_result *result)
{
    const struct ikv_batch *batch = &result->batch;
    const struct ikv_store *store = batch->store;
    const bool in_order = (store->properties.flags & IKV_PROPERTY_IN_KEY_ORDER) != 0;
    const bool rings =
        (store->backend_wanted == IKV_BACKEND_AUTO || store->backend_wanted == IKV_BACKEND_URING) &&
        ikv_attachment_ring_code(store->attachment) == 0;

    if (store->backend_wanted == IKV_BACKEND_URING)
        return IN_ENGINE;
    if (batch->records_only) /* a scan: one shard; in order, it is few and large reads */
        return in_order || !rings ? HERE : IN_ENGINE;
    if (result->distinct > CALLER_KEYS)
        return IN_ENGINE;
    if (!rings)
        return HERE;
    /* Values that were handed to the caller's function can't be taken back. */
    if (store->reads->direct || batch->options.on_value)
        return result->distinct <= CALLER_KEYS_COLD ? HERE : IN_ENGINE;
    if (!atomic_load_explicit(&store->pace.blind, memory_order_relaxed))
        return HERE_IF_RESIDENT;
    return result->distinct <= CALLER_KEYS_COLD || is_fast(result->batch.pace) ? HERE : IN_ENGINE;
}

/* On the calling thread. False: with nowait, it would have had to wait, and has to be run again. */
static bool run_here(struct ikv_result *result, bool nowait)
{
    const struct ikv_window_options usual = {0};
    const struct ikv_store *store = result->batch.store;
    const uint64_t began = ikv_clock();
    int code = 0;

    if (store->backend_wanted == IKV_BACKEND_URING)
        code = -EAGAIN; /* rings belong to workers, and there are none */
    if (code == 0 && !result->window.backend)
        code = ikv_window_open(&result->window, &ikv_io_pread, &usual);
    if (code == 0 && result->run_count == result->run_first)
        code = ikv_batch_cut(result, 1);
    if (code == 0) {
        struct ikv_run *run = result->runs[result->run_first];
        if (store->backend_wanted == IKV_BACKEND_AUTO)
            run->stats.fallback = ikv_attachment_ring_code(store->attachment);
        result->window.nowait = nowait;
        ikv_fetch_run(run, &result->window);
        if (nowait && ikv_fetch_would_wait(run->fatal))
            return false;
        if (!result->batch.records_only)
            note_pace(result->batch.pace, began, &run->stats);
    }
    ikv_lookup_end(result, code);
    return true;
}

/* Into how many shards so many workers would cut what is to be searched. */
static unsigned count_shards(const struct ikv_result *result, unsigned workers)
{
    const uint64_t n = result->distinct;
    uint64_t shards = workers;

    /* With entry probes every shard would begin at the top of the index again, and a barrier is one
     * for the whole batch. */
    const ikv_get_options *options = &result->batch.options;
    if (n == 0 || options->probe == IKV_PROBE_ENTRY || (options->flags & IKV_GET_BARRIER))
        return 1;
    if (workers > 1 && n / (2 * (uint64_t)workers) >= SHARD_KEYS_EVEN)
        shards *= 2;
    shards = ikv_min(shards, (n - 1) / SHARD_KEYS_MIN + 1);
    return (unsigned)ikv_max(shards, (n - 1) / SHARD_KEYS_MAX + 1);
}

/* Whether its keys are to be looked up in memory, before anything else. */
static bool is_resident(const struct ikv_result *result)
{
    return result->distinct == 0 && result->count > 0 && !result->batch.records_only;
}

int ikv_lookup_cut(struct ikv_result *result, unsigned workers)
{
    const uint64_t n = result->count;
    uint64_t shards = 1;

    if (!is_resident(result))
        return ikv_batch_cut(result, count_shards(result, workers));
    if (n > RESIDENT_KEYS_HERE)
        shards = ikv_max(workers, (n - 1) / RESIDENT_KEYS_MAX + 1);
    return ikv_batch_cut_resident(result, (unsigned)shards);
}

/* What the runs in memory have left is sorted. Returns how many keys there are; or a code. */
static int64_t prepare_rest(struct ikv_result *result)
{
    int64_t pending = 0;

    if (result->run_count == result->run_first || !result->runs[result->run_first]->is_resident)
        return 0;
    for (unsigned i = result->run_first; i < result->run_count; i++) {
        if (result->runs[i]->fatal)
            return 0;
        pending += result->runs[i]->pending;
    }
    result->stats.distinct = result->count;
    if (pending == 0)
        return 0;
    int code = ikv_batch_prepare(result, (size_t)pending);
    result->run_first = result->run_count;
    return code < 0 ? code : pending;
}

bool ikv_lookup_goes_on(struct ikv_result *result, unsigned workers, int *ret_code)
{
    const int64_t rest = prepare_rest(result);

    *ret_code = rest < 0 ? (int)rest : 0;
    if (rest <= 0)
        return false;
    *ret_code = ikv_lookup_cut(result, workers);
    return *ret_code == 0;
}

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
        code = ikv_lookup_cut(result, workers);
    if (code == 0)
        code = ikv_execute(attachment, result);
    if (code < 0)
        ikv_lookup_end(result, code);
}

/* What a first pass read before it would have had to wait was read all the same. */
static void note_fruitless_reads(ikv_stats *total, const ikv_stats *pass)
{
    total->index_reads += pass->index_reads;
    total->index_bytes += pass->index_bytes;
    total->record_reads += pass->record_reads;
    total->record_bytes += pass->record_bytes;
    total->system_calls += pass->system_calls;
}

/* Look the keys up in memory, on the calling thread. False: the batch is at its end. */
static bool run_resident(struct ikv_result *result)
{
    int64_t rest = ikv_batch_cut_resident(result, 1);

    if (rest == 0) {
        ikv_resident_run(result->runs[result->run_first]);
        rest = prepare_rest(result);
    }
    if (rest > 0)
        return true;
    ikv_lookup_end(result, (int)rest);
    return false;
}

void ikv_lookup_run(struct ikv_result *result)
{
    if (is_resident(result)) {
        if (result->count > RESIDENT_KEYS_HERE &&
            ikv_attachment_workers(result->batch.store->attachment) > 1) {
            run_in_engine(result);
            return;
        }
        if (!run_resident(result))
            return;
    }
    switch (choose_place(result)) {
    case HERE_IF_RESIDENT:
        if (run_here(result, true))
            return;
        note_fruitless_reads(&result->stats, &result->runs[result->run_first]->stats);
        result->run_count = result->run_first; /* from the beginning */
        if (result->runs[result->run_first]->fatal == -EOPNOTSUPP)
            atomic_store_explicit(&result->batch.pace->blind, true, memory_order_relaxed);
        else if (result->distinct > CALLER_KEYS_COLD) {
            run_in_engine(result);
            return;
        }
        (void)run_here(result, false);
        return;
    case HERE:
        (void)run_here(result, false);
        return;
    case IN_ENGINE:
        run_in_engine(result);
        return;
    }
}

/* ---------------------------------------------------------------- the call */

int ikv_get_many(ikv_store *store, const void *keys, size_t count, const ikv_get_options *options,
                 ikv_result *result, ikv_error *err)
{
    int code = ikv_lookup_begin(store, keys, count, options, result, err);

    if (code < 0)
        return code;
    if (count > 0)
        ikv_lookup_run(result);
    else
        ikv_lookup_end(result, 0);
    if (result->code < 0 && err)
        *err = result->error;
    return result->code;
}
