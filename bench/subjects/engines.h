/* What benchmarks need of engines. */
#ifndef BENCH_ENGINES_H
#define BENCH_ENGINES_H

#include "families/options.h"

#include <indexkv.h>

#include <stddef.h>
#include <stdint.h>

/* An engine with so many workers, each with so many reads in flight. 0: the library's default. */
int engines_open(uint32_t threads, uint32_t depth, ikv_engine **ret_engine, ikv_error *err);
void engines_close(ikv_engine *engine); /* NULL is allowed */

/* How the reads of a call were carried out: backend and features of its rings. Returns `text`. */
const char *engines_describe(const ikv_stats *stats, char *text, size_t size);

/* Counters on the latencies of a result's reads, if it has any. */
struct bench_state;
void engines_report_latency(const ikv_result *result, struct bench_state *state);

/* The families that need engines. */
void engines_register(const struct options *options);

#endif
