/* Threads that look keys up, batch by batch, for some time; and what that took. */
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
    uint64_t most_keys;    /* stop after so many; 0: don't count */
    uint64_t enough_pages; /* stop when the store holds so many pages in memory; 0: don't look */
    uint64_t seed;         /* where in the draws each begins */
};

/* The counters of ikv_stats that are needed: adding all of them to each other after each call would
 * take as long as a call. */
struct callers_counts {
    uint64_t probes, cached, index_reads, records, record_reads, bytes, system_calls, shards;
    uint64_t mapped, major_faults;
    uint32_t levels;
};

void callers_counts_add(struct callers_counts *total, const struct callers_counts *one);

struct callers_result {
    uint64_t keys;
    double rate; /* keys a second of all callers together */
    double cpu_seconds;
    struct callers_counts counts;
    const char *backend; /* of the last call */
    int fallback;
    ikv_latency calls; /* how long each took */
};

/* STATUS_DONE, also if a caught signal ended it early; or an error that was reported: a call that
 * failed, a key that is in the store and was not found, one that is not and was. */
int callers_run(const struct callers_options *options, struct callers_result *ret_result);

#endif
