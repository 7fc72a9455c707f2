/* A run of `indexkv seek`: what its tests share. */
#ifndef SEEK_H
#define SEEK_H

#include "base/progress.h"
#include "disk/cold.h"
#include "disk/reader.h"
#include "disk/target.h"
#include "report/plot.h"
#include "report/report.h"
#include "seek/number_list.h"

enum seek_test {
    SEEK_DEPTH = 1,
    SEEK_DISTANCE = 2,
    SEEK_ORDER = 4,
    SEEK_PROBES = 8,
    SEEK_RATE = 16,
    SEEK_DEFAULT = SEEK_DEPTH | SEEK_DISTANCE | SEEK_ORDER | SEEK_PROBES
};

struct seek_options {
    unsigned tests; /* of seek_test; 0: not said */
    struct number_list depths, blocks, threads, rates;
    unsigned backends; /* 1 << disk_backend; 0: not said */
    double seconds;    /* for each row, all repetitions together; 0: no bound */
    uint64_t count;    /* reads, likewise */
    uint64_t repeat;
    double warm_up; /* before each repetition */
    uint64_t seed;
    uint64_t offset, working_set; /* what is read of the file; working_set 0: all the rest */
    uint64_t file_size;           /* of a test file */
    bool keep;
    bool cached;     /* through the page cache */
    bool cold;       /* with `cached`: pages are dropped before each repetition */
    bool drop_all;   /* with `cold`: all pages of the machine, as root */
    uint64_t batch;  /* of the probe patterns */
    bool time_given; /* --time */
};

struct seek {
    const struct seek_options *options;
    struct disk_target target;
    struct disk_area area; /* of the target that is read */
    bool uring;            /* rings can be had */
    struct report *report;
    struct plots *plots;
    struct progress *progress;
    struct disk_watch watch;
    struct cold cold;            /* of the whole run */
    uint64_t bytes;              /* read in all */
    unsigned proved, not_proved; /* repetitions that began with dropped pages */
    char doubt[160];             /* why the first one was not proved */
};

/* One row: measured in several repetitions, which take turns with those of other rows. */
struct seek_point {
    struct disk_load load; /* without fd, seconds, count and seed */
    unsigned repetitions;  /* that were measured */
    struct disk_result total;
    struct report_row *row;
};

/*
 * Measure all points, repetition by repetition. `begin` makes a point's row and sets its
 * parameters; `sample` is what a repetition gives for the main metric. STATUS_DONE,
 * STATUS_INTERRUPTED (rows that were measured have their figures), or STATUS_IO after reporting.
 */
struct seek_method {
    const char *phase;
    struct report_series *series;
    void (*begin)(struct seek_point *point);
    double (*sample)(const struct disk_result *result);
};
int seek_measure(struct seek *seek, const struct seek_method *method, struct seek_point *points,
                 size_t count);

/* How long the points, or `rows` rows that are measured otherwise, will take: for progress. */
double seek_expected(const struct seek *seek, size_t rows);

/* A load of random reads in the area, and its seed in a repetition. */
struct disk_load seek_load(const struct seek *seek, enum disk_backend backend, uint64_t block,
                           uint64_t depth, uint64_t threads);

/* Before and after reads: pages are dropped, if that was asked for, and what came from the device
 * is found out. STATUS_DONE or STATUS_IO, reported. */
int seek_cold_begin(struct seek *seek, struct cold *cold);
void seek_cold_end(struct seek *seek, const struct cold *cold, uint64_t bytes);

/* Whether blocks of this size can be read: whole sectors if O_DIRECT, and in the area. */
bool seek_block_fits(const struct seek *seek, uint64_t block, bool say);

int seek_failed(const struct seek *seek, const char *what, int code);

/* The tests: a status as seek_measure gives. */
int seek_depth(struct seek *seek);
int seek_distance(struct seek *seek);
int seek_order(struct seek *seek);
int seek_probes(struct seek *seek);
int seek_rate(struct seek *seek);

/* How many rows they will have: for progress. */
size_t seek_depth_rows(const struct seek *seek);
size_t seek_distance_rows(const struct seek *seek);
size_t seek_order_rows(const struct seek *seek);
size_t seek_probes_rows(const struct seek *seek);
size_t seek_rate_rows(const struct seek *seek);

#endif
