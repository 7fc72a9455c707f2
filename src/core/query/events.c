#include "core/query/events.h"

static void report(const struct ikv_store *store, ikv_event_type type, int code, uint64_t count,
                   const ikv_error *error)
{
    const ikv_event event = {
        .type = type, .code = code, .count = count, .file = store->path, .error = error};

    store->events->on_event(store->events->user, &event);
}

/* A reason is reported when it is new, not with each batch. */
static void report_fallback(const struct ikv_store *store, int code)
{
    if (code != 0 &&
        atomic_exchange_explicit(&store->events->fallback, code, memory_order_relaxed) != code)
        report(store, IKV_EVENT_FALLBACK, code, 1, NULL);
}

static void report_drops(const struct ikv_store *store)
{
    const uint64_t drops = atomic_load_explicit(&store->map->drops, memory_order_relaxed);
    const uint64_t known =
        atomic_exchange_explicit(&store->events->drops, drops, memory_order_relaxed);

    if (drops > known)
        report(store, IKV_EVENT_HINTS_DROPPED, 0, drops - known, NULL);
}

void ikv_events_report(const struct ikv_result *result)
{
    const struct ikv_store *store = result->batch.store;
    const ikv_stats *stats = &result->stats;
    const struct ikv_problem *problem = &result->problem;

    if (!store->events)
        return;
    report_fallback(store, stats->fallback);
    if (store->map)
        report_drops(store);
    if (stats->retries > 0)
        report(store, IKV_EVENT_RETRY, 0, stats->retries, NULL);
    if (problem->any)
        report(store, IKV_EVENT_DAMAGE, problem->first.code, stats->corrupt + stats->unreadable,
               &problem->first);
}
