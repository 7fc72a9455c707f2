/*
 * Measuring one point once. A point is visited in each repetition; what the visits gave is put
 * together in its bench_result.
 */
#ifndef BENCH_VISIT_H
#define BENCH_VISIT_H

#include "bench/callers.h"
#include "bench/plan.h"
#include "disk/cold.h"
#include "disk/reader.h"
#include "disk/target.h"
#include "options/store_options.h"

/* Where answers came from. */
enum bench_source {
    BENCH_UNPROVED,
    BENCH_FROM_DEVICE, /* cold, and proved */
    BENCH_FROM_MEMORY  /* warm, and proved: next to nothing was fetched from the device */
};

struct bench_result {
    uint32_t threads; /* as the engine has them */
    double *rates;    /* lookups a second of each visit */
    double *ceilings; /* reads a second that the device made beside it; 0: not measured */
    size_t visits;
    uint64_t keys;
    double cpu_seconds;
    double held; /* pages in memory, summed up over visits */
    uint64_t fences;
    struct callers_counts counts;
    ikv_latency calls;
    unsigned in_flight; /* reads, of lookups and for the ceiling */
    size_t proved[3];   /* visits by bench_source */
    char proof[160];    /* of the last one */
    char backend[24];   /* that read; "": not known */
};

/* A store that is measured. */
struct bench_subject {
    const struct store_options *options;
    const struct bench_plan *plan;
    const char *path;
    const struct draws *draws; /* one a stream */
    struct disk_target file;   /* through the page cache: to drop and to look at pages */
    struct disk_target raw;    /* for the device's ceiling, direct if that can be had */
    bool direct;               /* it can */
    enum disk_backend best;
    ikv_info info;
    uint64_t fit; /* bytes that the page cache may take of the file */
};

/* An engine and a store on it. */
struct bench_opened {
    const struct bench_setup *setup;
    ikv_engine *engine;
    ikv_store *store;
    uint32_t threads;
};

/* Cold: the file's pages are dropped first, so a store is opened for each visit. Warm: the file is
 * read into the page cache. */
int bench_open(const struct bench_subject *subject, const struct bench_setup *setup,
               struct bench_opened *ret_opened);
/* Look up until what is kept of the index is in memory, or a while has passed. */
int bench_warm_up(const struct bench_subject *subject, const struct bench_opened *opened);
void bench_close(struct bench_opened *opened);

/* Statuses; STATUS_INTERRUPTED: nothing was added to the result. */
int bench_visit(const struct bench_subject *subject, const struct bench_opened *opened,
                const struct bench_point *point, uint64_t seed, struct bench_result *result);

/* Whether a page's checksum is read beside it. */
bool bench_sums_on_disk(const struct bench_subject *subject, const struct bench_setup *setup,
                        const struct bench_point *point);
/* Reads that the device saw, page faults included. Cold, those do not count that were tried with
 * what is in memory first, and made once more by a worker. */
uint64_t bench_device_reads(const struct bench_subject *subject, const struct bench_setup *setup,
                            const struct bench_point *point, const struct callers_counts *counts);

#endif
