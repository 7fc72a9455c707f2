/* Runs threads that look up batches of keys for some time, and measures them. */
#ifndef BENCH_CALLERS_H
#define BENCH_CALLERS_H

#include "bench/draws.h"

#include <indexkv.h>
#include <stdint.h>

struct callers_options {
    ikv_store *store;
    const char *path;
    ikv_key_type key_type;
    const struct draws *draws;
    ikv_probe probe;
    uint64_t batch; /* 1: ikv_get; at most draws->count */
    uint32_t callers;
    double seconds;
    uint64_t max_keys;     /* stop after this many; 0: no limit */
    uint64_t target_pages; /* stop when the store has cached this many pages; 0: no limit */
    uint64_t seed;         /* where in the draws each caller starts */
};

/* The counters of ikv_stats that are needed: adding up all of them would take as long as a call. */
struct callers_counts {
    uint64_t probes, cached, index_reads, records, record_reads, bytes, system_calls, shards;
    uint64_t mapped, major_faults;
    uint32_t levels;
};

void callers_counts_add(struct callers_counts *total, const struct callers_counts *one);

struct callers_result {
    uint64_t keys;
    double rate; /* keys per second of all callers together */
    double cpu_seconds;
    struct callers_counts counts;
    const char *backend; /* of the last call */
    int fallback;
    ikv_latency calls; /* durations */
};

/* STATUS_DONE, also if a signal ended it early; or an error after reporting: a call failed, or a
 * key was wrongly found or not found. */
int callers_run(const struct callers_options *options, struct callers_result *ret_result);

#endif
