#include "core/query/query.h"

#include "backends.h"
#include "core/platform/probes.h"
#include "core/query/events.h"
#include "core/query/prepare.h"
#include "core/resident/resident.h"

#include <stddef.h>

/* Keys of a shard. With fewer than the minimum, waking a worker does not pay. With more than the
 * maximum, a shard keeps others waiting. In between large shards are better: the denser its keys,
 * the more of their records share a read. Where shards have at least SHARD_KEYS_EVEN keys there are
 * two for each worker, since workers are not equally fast. */
#define SHARD_KEYS_MIN  64
#define SHARD_KEYS_MAX  131072
#define SHARD_KEYS_EVEN 65536

/* Keys of a run in memory: other batches of the same worker wait 3 ms for this many at most. */
#define RESIDENT_KEYS_MAX 16384

/* ---------------------------------------------------------------- arguments */

int ikv_query_check_options(const ikv_get_options *options, size_t count, ikv_error *err)
{
    const char *wrong = NULL;

    if ((unsigned)options->match > IKV_RANGE)
        wrong = "unknown match";
    else if ((unsigned)options->probe > IKV_PROBE_ENTRY)
        wrong = "unknown probe";
    else if (options->flags & ~(IKV_GET_BARRIER | IKV_GET_LATENCY | IKV_GET_IN_PLACE))
        wrong = "unknown flags";
    else if ((options->flags & IKV_GET_IN_PLACE) && (options->values || options->on_value))
        wrong = "IKV_GET_IN_PLACE excludes values and on_value";
    else if (options->values && options->on_value)
        wrong = "values and on_value exclude each other";
    else if ((options->values != NULL) != (options->value_size > 0))
        wrong = "values and value_size need each other";
    else if (options->values && count > SIZE_MAX / options->value_size)
        wrong = "values exceed the address space";
    return wrong ? ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "get options: %s", wrong) : 0;
}

static int check(const struct ikv_store *store, size_t count, const ikv_get_options *options,
                 ikv_get_options *known, ikv_error *err)
{
    int code = ikv_options_copy(known, sizeof *known, options, err);

    if (code == 0)
        code = ikv_query_check_options(known, count, err);
    if (code < 0)
        return code;
    if (known->match == IKV_RANGE && store->range_size == 0)
        return ikv_fail(err, IKV_E_UNSUPPORTED, IKV_AT_FILE(store->path), "not a store of ranges");
    if (count >= IKV_NO_CHUNK)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "lookup: more than 2^32 - 2 keys");
    if (known->probe == IKV_PROBE_ENTRY && store->is_clustered && !store->leaves.has_index)
        return ikv_fail(err, IKV_E_UNSUPPORTED, IKV_AT_FILE(store->path),
                        "entry probes need a v2 index");
    return 0;
}

static void void_answers(struct ikv_result *result, int code)
{
    (void)ikv_result_begin(result, 0);
    result->code = code;
}

int ikv_query_begin(struct ikv_store *store, const void *keys, size_t count,
                    const ikv_get_options *options, struct ikv_result *result, ikv_error *err)
{
    ikv_get_options known = {0};

    if (!store || !result || (!keys && count)) {
        int code = ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "lookup: an argument is NULL");
        if (result && !ikv_job_is_busy(&result->job))
            void_answers(result, code);
        return code;
    }
    if (ikv_job_is_busy(&result->job))
        return ikv_fail(err, IKV_E_STATE, IKV_NOWHERE, "lookup: the result is busy");
    int code = check(store, count, options, &known, err);
    if (code < 0) {
        void_answers(result, code);
        return code;
    }
    code = ikv_result_begin(result, count);
    if (code == 0) {
        ikv_prepare_begin(result, store, keys, count, &known);
        if (count == 0 || !ikv_resident_suits(&result->batch))
            code = ikv_prepare_sorted(result, count);
        else
            code = ikv_prepare_matched(result, count);
    }
    if (code < 0) {
        void_answers(result, code);
        return ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot look up %zu keys", count);
    }
    IKV_TRACE3(batch_begin, result, store->path, count);
    return 0;
}

/* ---------------------------------------------------------------- the end */

static void describe_fatal(struct ikv_result *result, int code)
{
    const struct ikv_where at = IKV_AT_FILE(result->batch.store->path);
    const unsigned long long keys = result->stats.keys;
    char reason[200];

    if (code == result->stats.fallback) /* no ring: add the reason to the code */
        (void)ikv_fail(&result->error, code, at, "cannot look up %llu keys: %s", keys,
                       ikv_io_ring_explain(code, reason, sizeof reason));
    else
        (void)ikv_fail(&result->error, code, at, "cannot look up %llu keys", keys);
}

void ikv_query_end(struct ikv_result *result, int code)
{
    const struct ikv_problem *problem = &result->problem;

    ikv_prepare_end(result);
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
    IKV_TRACE3(batch_end, result, result->stats.keys, result->code);
    ikv_events_report(result);
}

/* ---------------------------------------------------------------- shards */

/* Shards of the sorted keys for this many workers. */
static unsigned count_shards(const struct ikv_result *result, unsigned workers)
{
    const ikv_get_options *options = &result->batch.options;
    const uint64_t n = result->distinct;
    uint64_t shards = workers;

    /* With entry probes every shard would begin at the top of the index again, and a barrier is one
     * for the whole batch. */
    if (n == 0 || options->probe == IKV_PROBE_ENTRY || (options->flags & IKV_GET_BARRIER))
        return 1;
    if (workers > 1 && n / (2 * (uint64_t)workers) >= SHARD_KEYS_EVEN)
        shards *= 2;
    shards = ikv_min(shards, (n - 1) / SHARD_KEYS_MIN + 1);
    return (unsigned)ikv_max(shards, (n - 1) / SHARD_KEYS_MAX + 1);
}

bool ikv_query_is_resident(const struct ikv_result *result)
{
    return result->distinct == 0 && result->count > 0 && !result->batch.records_only;
}

int ikv_query_cut(struct ikv_result *result, unsigned workers)
{
    const uint64_t n = result->count;
    uint64_t shards = 1;

    if (!ikv_query_is_resident(result))
        return ikv_prepare_runs(result, count_shards(result, workers));
    if (n > IKV_RESIDENT_KEYS_HERE)
        shards = ikv_max(workers, (n - 1) / RESIDENT_KEYS_MAX + 1);
    return ikv_prepare_resident_runs(result, (unsigned)shards);
}

int64_t ikv_query_prepare_rest(struct ikv_result *result)
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
    int code = ikv_prepare_sorted(result, (size_t)pending);
    result->run_first = result->run_count;
    return code < 0 ? code : pending;
}

/* ---------------------------------------------------------------- in an engine */

static struct ikv_result *result_of(struct ikv_job *job)
{
    return (struct ikv_result *)((char *)job - offsetof(struct ikv_result, job));
}

static void set_runs(struct ikv_result *result)
{
    ikv_job_set_runs(&result->job, result->runs + result->run_first,
                     result->run_count - result->run_first);
}

/* After runs in memory come those that read, for the keys that are left; then the batch ends. */
static bool advance(struct ikv_job *job, unsigned workers)
{
    struct ikv_result *result = result_of(job);
    const int64_t rest = ikv_query_prepare_rest(result);
    int code = rest < 0 ? (int)rest : 0;

    if (rest > 0)
        code = ikv_query_cut(result, workers);
    if (rest > 0 && code == 0) {
        set_runs(result);
        return true;
    }
    ikv_query_end(result, code);
    job->code = result->code;
    return false;
}

static void cancel(struct ikv_job *job)
{
    ikv_batch_cancel(&result_of(job)->batch);
}

struct ikv_job *ikv_query_job(struct ikv_result *result)
{
    static const struct ikv_job_ops ops = {advance, cancel};

    result->job.ops = &ops;
    set_runs(result);
    return &result->job;
}
