#include "engines.h"

#include <stdio.h>

int engines_open(uint32_t threads, uint32_t depth, ikv_engine **ret_engine, ikv_error *err)
{
    (void)threads;
    (void)depth;
    (void)err;
    *ret_engine = NULL;
    return 0;
}

void engines_close(ikv_engine *engine)
{
    (void)engine;
}

const char *engines_describe(const ikv_stats *stats, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", stats->backend);
    return text;
}

void engines_report_latency(const ikv_result *result, struct bench_state *state)
{
    (void)result;
    (void)state;
}

void engines_register(const struct options *options)
{
    (void)options;
}
