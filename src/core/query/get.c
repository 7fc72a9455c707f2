/* Looking up a single key. */
#include "core/base/stats.h"
#include "core/query/prepare.h"
#include "core/query/query.h"
#include "core/resident/resident.h"

/*
 * Setting up a batch takes longer than looking up a key in memory, so this does only what that
 * needs. Returns false if the key was not answered: it must be looked up as a batch, which starts
 * over, and also reports wrong arguments.
 */
static bool get_resident(ikv_store *store, const void *key, const ikv_get_options *options,
                         ikv_result *result)
{
    static const ikv_get_options defaults = IKV_GET_OPTIONS_INIT;

    if (!store || !key || !result || !store->tree.nodes || ikv_job_is_busy(&result->job) ||
        result->runs_made == 0)
        return false;
    if (!options)
        options = &defaults;
    if (options->size != sizeof *options || options->on_value ||
        (options->match == IKV_RANGE && store->range_size == 0) ||
        options->probe != IKV_PROBE_PAGE || ikv_query_check_options(options, 1, NULL) < 0 ||
        ikv_result_begin(result, 1) < 0)
        return false;

    struct ikv_batch *batch = &result->batch;
    struct ikv_run *run = result->runs[0];
    ikv_run_reset(run, batch);
    batch->store = store;
    batch->caller_keys = key;
    batch->items = result->items.bytes;
    batch->options = *options;
    atomic_store_explicit(&batch->canceled, false, memory_order_relaxed);
    ikv_prepare_map(result, 1);
    if (!ikv_resident_suits(batch) || ikv_prepare_matched(result, 1) < 0)
        return false;
    run->begin = 0;
    run->end = 1;
    run->copy_budget = UINT64_MAX;
    run->map = batch->map;
    run->usable_size = batch->usable_size;
    ikv_resident_run(run);
    if (run->fatal || run->pending)
        return false;
    result->count = 1;
    ikv_resident_account(run, &result->stats);
    return true;
}

static int fail_key(const struct ikv_store *store, const void *key, int code, ikv_error *err)
{
    const struct ikv_where where = {store->path, IKV_NO_OFFSET, store->index.key.type, key};

    return ikv_fail(err, code, where, "lookup");
}

/* The code for the only item of the result. */
static int code_of_item(const struct ikv_result *result, const void *key, ikv_error *err)
{
    const struct ikv_store *store = result->batch.store;

    switch (ikv_result_items(result)[0].status) {
    case IKV_FOUND:
        return 0;
    case IKV_CORRUPT:
        if (err)
            *err = result->problem.first;
        return result->problem.first.code;
    case IKV_OTHER_SIZE:
        return fail_key(store, key, IKV_E_VALUE_SIZE, err);
    default:
        return fail_key(store, key, IKV_E_NOT_FOUND, err);
    }
}

int ikv_get(ikv_store *store, const void *key, const ikv_get_options *options, ikv_result *result,
            ikv_error *err)
{
    if (!get_resident(store, key, options, result)) {
        const int code = ikv_get_many(store, key, 1, options, result, err);
        if (code < 0)
            return code;
    }
    result->get_ended = ikv_platform_ticks();
    result->code = code_of_item(result, key, err);
    return result->code;
}
