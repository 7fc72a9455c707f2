#include "subjects/engines.h"
#include "harness/harness.h"

#include <stdio.h>
#include <string.h>

int engines_open(uint32_t threads, uint32_t depth, ikv_engine **ret_engine, ikv_error *err)
{
    ikv_engine_options options = IKV_ENGINE_OPTIONS_INIT;

    options.threads = threads;
    options.depth = depth;
    return ikv_engine_new(&options, ret_engine, err);
}

void engines_close(ikv_engine *engine)
{
    ikv_engine_close(engine);
}

const char *engines_describe(const ikv_stats *stats, char *text, size_t size)
{
    char features[256];

    (void)snprintf(text, size, "%s", stats->backend);
    if (strstr(stats->backend, "uring"))
        (void)snprintf(text, size, "%s: %s", stats->backend,
                       ikv_ring_features_text(stats->ring_features, features, sizeof features));
    return text;
}

static void report_percentiles(struct bench_state *state, const ikv_latency *latency,
                               const char *p50, const char *p99)
{
    bench_counter(state, p50, (double)ikv_latency_percentile(latency, 0.50), BENCH_VALUE);
    bench_counter(state, p99, (double)ikv_latency_percentile(latency, 0.99), BENCH_VALUE);
}

void engines_report_latency(const ikv_result *result, struct bench_state *state)
{
    const ikv_latency *records = ikv_result_latency(result, IKV_LATENCY_RECORDS);
    const ikv_latency *level = NULL;
    ikv_latency index = {0};

    for (uint32_t i = 0; (level = ikv_result_latency(result, i)) != NULL; i++)
        ikv_latency_add(&index, level);
    if (index.count > 0)
        report_percentiles(state, &index, "index_read_p50_ns", "index_read_p99_ns");
    if (records && records->count > 0)
        report_percentiles(state, records, "record_read_p50_ns", "record_read_p99_ns");
}
