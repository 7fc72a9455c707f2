/*
 * callers/...: threads that share an engine, and look up small batches one after another. The
 * latency histograms of the threads are merged.
 */
#include "families/families.h"
#include "families/small_batches.h"
#include "harness/clock.h"
#include "harness/harness.h"
#include "subjects/engines.h"

#include <stdlib.h>

#define CALLERS_MAX 8

struct callers {
    struct small_batches batches; /* must be first: set_up and tear_down get its address */
    ikv_latency latency[CALLERS_MAX];
    uint64_t bytes[CALLERS_MAX]; /* read by each caller */
    struct process_io io;        /* at the start */
    double cpu;                  /* seconds */
};

static int call(struct callers *callers, uint64_t batch, ikv_result *result, unsigned thread,
                struct bench_error *error)
{
    const uint64_t *keys = small_batches_keys(&callers->batches, batch);
    ikv_error err;

    const double start = seconds_of(CLOCK_MONOTONIC);
    const int code =
        ikv_get_many(callers->batches.store, keys, SMALL_BATCH_KEYS, NULL, result, &err);
    ikv_latency_record(&callers->latency[thread],
                       (uint64_t)((seconds_of(CLOCK_MONOTONIC) - start) * 1e9));
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    const ikv_stats *stats = ikv_result_stats(result);
    callers->bytes[thread] += stats->index_bytes + stats->record_bytes;
    return small_batches_check(&callers->batches, batch, result, error);
}

static void report(struct bench_state *state, const struct callers *callers, uint64_t calls,
                   const ikv_stats *last)
{
    const double keys = (double)(calls * bench_threads(state) * SMALL_BATCH_KEYS);
    ikv_latency all = {0};
    uint64_t bytes = 0;

    for (unsigned i = 0; i < bench_threads(state); i++) {
        ikv_latency_add(&all, &callers->latency[i]);
        bytes += callers->bytes[i];
    }
    small_batches_label(&callers->batches, state, &callers->io, bytes, last);
    bench_counter(state, "call_p50_ns", (double)ikv_latency_percentile(&all, 0.50), BENCH_VALUE);
    bench_counter(state, "call_p99_ns", (double)ikv_latency_percentile(&all, 0.99), BENCH_VALUE);
    bench_counter(state, "call_max_ns", (double)all.max_ns, BENCH_VALUE);
    bench_counter(state, "cpu_ns_per_item", keys > 0 ? callers->cpu * 1e9 / keys : 0, BENCH_VALUE);
}

/* Threads start far from each other in the sequence of batches. */
static void run(struct bench_state *state)
{
    struct callers *callers = bench_user(state);
    const unsigned thread = bench_thread(state);
    const uint64_t first = (uint64_t)thread * SMALL_BATCHES / CALLERS_MAX;
    ikv_result *result = NULL;
    struct bench_error error;
    uint64_t calls = 0;
    int code = BENCH_OK;

    callers->latency[thread] = (ikv_latency){0};
    callers->bytes[thread] = 0;
    if (thread == 0)
        process_io_now(&callers->io);
    if (ikv_result_new(&result) < 0)
        code = bench_error_set(&error, BENCH_FAILED, "out of memory");
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    while (code == BENCH_OK && bench_keep_running(state))
        code = call(callers, first + calls++, result, thread, &error);
    if (thread == 0)
        callers->cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (code == BENCH_OK) {
        bench_items(state, calls * SMALL_BATCH_KEYS);
        if (thread == 0)
            report(state, callers, calls, ikv_result_stats(result));
    } else {
        bench_stop(state, code, &error);
    }
    ikv_result_free(result);
}

void callers_register(const struct options *options)
{
    static const unsigned threads[] = {1, CALLERS_MAX};
    static const struct {
        const char *name;
        bool cold;
    } ways[] = {{"callers/warm", false}, {"callers/cold", true}};

    for (int way = 0; way < 2; way++) {
        for (int i = 0; i < 2; i++) {
            struct callers *callers = bench_alloc(sizeof *callers);
            small_batches_init(&callers->batches, options, ways[way].cold);
            bench_register(&(struct bench){.name = ways[way].name,
                                           .args = {{"batch", SMALL_BATCH_KEYS}},
                                           .run = run,
                                           .set_up = small_batches_open,
                                           .tear_down = small_batches_close,
                                           .user = callers,
                                           .threads = threads[i]});
        }
    }
}
