/* State and helpers shared by the tests of `indexkv seek`. */
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
    SEEK_BURST = 32,
    SEEK_DEFAULT = SEEK_DEPTH | SEEK_DISTANCE | SEEK_ORDER | SEEK_PROBES
};

struct seek_options {
    unsigned tests; /* set of seek_test; 0: not given */
    struct number_list depths, blocks, threads, rates;
    unsigned backends; /* set of 1 << disk_backend; 0: not given */
    double seconds;    /* per row, all repetitions together; 0: no limit */
    uint64_t count;    /* max reads per row; 0: no limit */
    uint64_t repeat;   /* rounds; with `steady`, at least */
    bool steady;       /* go on until all rows are steady, for up to STEADY_ROUNDS_MAX rounds */
    double warm_up;    /* seconds before each repetition */
    uint64_t seed;
    uint64_t offset, working_set; /* the part of the file to read; working_set 0: to its end */
    uint64_t file_size;           /* of a test file */
    bool keep;                    /* the test file */
    bool cached;                  /* read through the page cache */
    bool cold;                    /* with `cached`: drop the file's pages before each repetition */
    bool drop_all;                /* with `cold`: drop the pages of all files, as root */
    uint64_t batch;               /* keys per batch of the probes test */
    bool time_given;              /* --time */
};

struct seek {
    const struct seek_options *options;
    struct disk_target target;
    struct disk_area area; /* the part of the target to read */
    bool uring;            /* io_uring is available */
    struct report *report;
    struct plots *plots;
    struct progress *progress;
    struct disk_watch watch;
    struct cold cold;                /* of the whole run */
    uint64_t bytes;                  /* read in total */
    unsigned proved, not_proved;     /* with --cold: repetitions proved to be cold, or not */
    char not_proved_text[160];       /* of the first one not proved */
    size_t judged_rows, steady_rows; /* with STEADY_ROUNDS repetitions; which are steady */
    size_t unknown_rows;             /* with fewer */
    double worst_range, worst_drift; /* of rows that are not steady */
};

/* One row. Its repetitions alternate with those of the other rows. */
struct seek_point {
    struct disk_load load; /* seek_measure sets fd, seconds, count and seed */
    void *user;            /* of the test */
    unsigned repetitions;  /* measured so far */
    bool steady;           /* by the last of them */
    struct disk_result total;
    struct disk_result *window; /* with --steady: the last STEADY_ROUNDS repetitions */
    struct report_row *row;
};

/*
 * Measure all points in rounds, a repetition of each point per round. `begin` sets the parameters
 * of a point's new row; `measure` measures one repetition and returns 0 or a negative code (NULL:
 * plain reads, by disk_measure); `sample` returns a repetition's value of the main metric.
 *
 * With --steady, a point is measured until it is steady, and only the last STEADY_ROUNDS
 * repetitions count. STATUS_DONE, STATUS_INTERRUPTED (rows measured so far are complete), or
 * STATUS_IO after reporting.
 */
struct seek_method {
    const char *phase;
    struct report_series *series;
    void (*begin)(struct seek_point *point);
    int (*measure)(struct seek *seek, struct seek_point *point, struct disk_result *ret_result);
    double (*sample)(const struct seek_point *point, const struct disk_result *result);
};
int seek_measure(struct seek *seek, const struct seek_method *method, struct seek_point *points,
                 size_t count);

/* The expected seconds for `rows` rows, for progress. */
double seek_expected(const struct seek *seek, size_t rows);

/* A load of random reads in the area. */
struct disk_load seek_load(const struct seek *seek, enum disk_backend backend, uint64_t block,
                           uint64_t depth, uint64_t threads);

/* Values of the main metric of plain reads. */
double seek_rate_of(const struct seek_point *point, const struct disk_result *result);
double seek_average_us(const struct seek_point *point, const struct disk_result *result);

/* Whether blocks of this size can be read: they fit into the area and, with O_DIRECT, are whole
 * sectors. If not, prints a message unless `quiet`. */
bool seek_block_fits(const struct seek *seek, uint64_t block, bool quiet);

/* Reports that a step failed; returns STATUS_IO. */
int seek_failed(const struct seek *seek, const char *what, int code);

/* The tests. They return the same statuses as seek_measure. */
int seek_depth(struct seek *seek);
int seek_distance(struct seek *seek);
int seek_order(struct seek *seek);
int seek_probes(struct seek *seek);
int seek_rate(struct seek *seek);
int seek_burst(struct seek *seek);

/* The number of rows they will have, for progress. */
size_t seek_depth_rows(const struct seek *seek);
size_t seek_distance_rows(const struct seek *seek);
size_t seek_order_rows(const struct seek *seek);
size_t seek_probes_rows(const struct seek *seek);
size_t seek_rate_rows(const struct seek *seek);
size_t seek_burst_rows(const struct seek *seek);

#endif
