/*
 * Measures a point once. Each repetition measures every point; a point's bench_result collects its
 * repetitions.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench/callers.h"
#include "bench/plan.h"
#include "disk/cold.h"
#include "disk/reader.h"
#include "disk/target.h"
#include "options/store_options.h"

/* Where the bytes are proved to have come from. */
enum bench_source {
    BENCH_UNPROVED,
    BENCH_FROM_DEVICE, /* cold */
    BENCH_FROM_MEMORY  /* warm: (nearly) nothing was fetched from the device */
};

struct bench_result {
    uint32_t threads; /* of the engine */
    double *rates;    /* lookups per second, in each repetition */
    double *ceilings; /* reads per second of the device, likewise; 0: not measured */
    size_t repetitions;
    uint64_t keys;
    double cpu_seconds;
    double cached_pages; /* index pages in memory, sum over the repetitions */
    uint64_t fences;
    struct callers_counts counts;
    ikv_latency calls;
    unsigned in_flight; /* reads in flight of the lookups, and when measuring the ceiling */
    size_t proved[3];   /* number of repetitions, by bench_source */
    char proof[160];    /* of the last repetition, or of the last one that was not proved */
    char backend[24];   /* the one that read; "": unknown */
};

/* The store to measure. */
struct bench_subject {
    const struct store_options *options;
    const struct bench_plan *plan;
    const char *path;
    const struct draws *draws; /* one per stream */
    struct disk_target file;   /* to drop and to count pages in the page cache */
    struct disk_target raw;    /* opened with O_DIRECT, to measure the device's ceiling */
    bool direct;               /* O_DIRECT is supported, `raw` is open */
    enum disk_backend best;    /* the fastest available backend */
    ikv_info info;
};

/* An engine and a store on it. */
struct bench_opened {
    const struct bench_setup *setup;
    ikv_engine *engine;
    ikv_store *store;
    uint32_t threads;
};

/* Open the store. Cold: drops the file's pages first, so the store must be reopened for each
 * repetition. Warm: reads the file into the page cache first. */
int bench_open(const struct bench_subject *subject, const struct bench_setup *setup,
               struct bench_opened *ret_opened);
/* Look up keys until the index cache is full, or for a while. */
int bench_warm_up(const struct bench_subject *subject, const struct bench_opened *opened);
void bench_close(struct bench_opened *opened);

/* Measure a point and add a repetition to its result. STATUS_INTERRUPTED: nothing was added. */
int bench_measure(const struct bench_subject *subject, const struct bench_opened *opened,
                  const struct bench_point *point, uint64_t seed, struct bench_result *result);

/* Whether page checksums are read separately from their pages. */
bool bench_checksums_on_disk(const struct bench_subject *subject, const struct bench_setup *setup,
                             const struct bench_point *point);
/* The reads that reached the device, including page faults. Cold: without the first of two tries of
 * reads that were first tried in memory and then repeated by a worker. */
uint64_t bench_device_reads(const struct bench_subject *subject, const struct bench_setup *setup,
                            const struct bench_point *point, const struct callers_counts *counts);

#endif
