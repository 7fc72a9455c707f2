/* Helpers for engines. */
#ifndef BENCH_ENGINES_H
#define BENCH_ENGINES_H

#include <indexkv.h>

#include <stddef.h>
#include <stdint.h>

/* An engine with `threads` workers and `depth` reads in flight per worker. 0: the library's
 * default.
 */
int engines_open(uint32_t threads, uint32_t depth, ikv_engine **ret_engine, ikv_error *err);
void engines_close(ikv_engine *engine); /* NULL is allowed */

/* The backend of a call, and the features of its rings. Returns `text`. */
const char *engines_describe(const ikv_stats *stats, char *text, size_t size);

/* Adds counters for the latencies of a result's reads, if it has any. */
struct bench_state;
void engines_report_latency(const ikv_result *result, struct bench_state *state);

#endif
