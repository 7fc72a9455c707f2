/*
 * A report: measurements in tables, with the facts about the machine that they depend on.
 *
 *     report
 *       facts       name, text or number: kernel, device, seed, ... (disk/context.h finds many)
 *       series      one table: its columns, one of which is the main metric
 *         row       a value per column, samples of the main metric, a latency histogram
 *
 * A row's *parameters* identify the measurement, its *metrics* are the results. Reports are
 * compared row by row, by the samples of the main metric: rows match if their series have the same
 * name and their parameters are equal. So a parameter must be a requested value, never a measured
 * one.
 *
 * Typical use:
 *
 *     static const struct report_column columns[] = {
 *         {"backend", "", REPORT_PARAMETER, 0, "backend"},
 *         {"depth", "", REPORT_PARAMETER, 0, "depth"},
 *         {"reads_per_second", "1/s", REPORT_MORE, 0, "reads/s"},
 *         REPORT_LATENCY_COLUMNS,
 *     };
 *     struct report_series *series = report_series_add(report, "random", "Random reads", columns,
 *                                                      REPORT_COUNT(columns), "reads_per_second");
 *     struct report_row *row = report_row_add(series);
 *     report_set_text(row, "backend", "uring");
 *     report_set(row, "depth", 16);
 *     for each repetition: report_sample(row, reads / seconds);
 *     report_set_median(row);                 the main metric becomes the median of its samples
 *     report_set_latency(row, &latency);
 *
 * No function fails: when memory runs out, `failed` is set and functions return NULL or do nothing;
 * all of them accept NULL for a row or a series. The writer of the report checks `failed`. Column
 * names are asserted to exist.
 *
 * docs/report-schema.md describes the files; REPORT_SCHEMA_VERSION changes with them.
 */
#ifndef REPORT_H
#define REPORT_H

#include "text/output.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>

#define REPORT_SCHEMA         "indexkv-report"
#define REPORT_SCHEMA_VERSION 1

#define REPORT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum report_role {
    REPORT_PARAMETER, /* identifies the row */
    REPORT_MORE,      /* a metric: more is better */
    REPORT_LESS,      /* a metric: less is better */
    REPORT_NEUTRAL    /* a metric without a preferred direction */
};

#define REPORT_COLUMNS_MAX 128

/* As `decimals`: the table shows bytes as "512 B", "4 KiB". */
#define REPORT_BYTES (-1)

struct report_column {
    const char *name; /* in JSON and CSV: lower case, digits, '_'. All texts are static */
    const char *unit; /* "us", "1/s", "MB/s", ...; "": none */
    enum report_role role;
    int decimals;     /* in the table; or REPORT_BYTES */
    const char *head; /* the table's heading; NULL: JSON and CSV only */
};

/* Set by report_set_latency. */
#define REPORT_LATENCY_COLUMNS                                                                     \
    {"latency_min", "us", REPORT_LESS, 1, NULL}, {"latency_avg", "us", REPORT_LESS, 1, "avg"},     \
        {"latency_p50", "us", REPORT_LESS, 1, "p50"}, {"latency_p90", "us", REPORT_LESS, 1, NULL}, \
        {"latency_p99", "us", REPORT_LESS, 1, "p99"},                                              \
        {"latency_p99_9", "us", REPORT_LESS, 1, "p99.9"},                                          \
        {"latency_p99_99", "us", REPORT_LESS, 1, NULL},                                            \
    {                                                                                              \
        "latency_max", "us", REPORT_LESS, 1, "max"                                                 \
    }

enum report_kind { REPORT_NOTHING, REPORT_NUMBER, REPORT_TEXT };

struct report_value {
    enum report_kind kind;
    double number;
    char text[40]; /* truncated if longer */
};

struct report_row {
    struct report_series *series;
    struct report_value *values; /* one per column */
    double *samples;             /* of the main metric, in the order taken */
    size_t sample_count;
    ikv_latency *latency; /* NULL: none */
    unsigned rounds;      /* after which it is known whether it is steady; 0: unknown */
    bool steady;          /* if `rounds` is not 0 */
    char note[80];        /* "knee", "not steady"; "": none */
};

struct report_series {
    struct report *report;
    const char *name;  /* spelled like a column's */
    const char *title; /* heading of the table */
    const struct report_column *columns;
    size_t column_count;
    size_t main_column;
    struct report_row **rows;
    size_t row_count;
};

struct report_fact {
    char *name;
    struct report_value value; /* a number; or REPORT_TEXT, with the text in `text` */
    char *text;                /* of any length */
};

struct report {
    const char *command; /* "seek", "bench" */
    bool interrupted;    /* ended early by a signal: valid but incomplete */
    bool failed;         /* memory ran out: incomplete */
    struct report_fact *facts;
    size_t fact_count;
    struct report_series **series;
    size_t series_count;
};

/* `command` is static. */
void report_init(struct report *report, const char *command);
void report_free(struct report *report);

/* Facts keep their order; setting a fact again replaces its value. */
void report_fact(struct report *report, const char *name, const char *text);
void report_fact_number(struct report *report, const char *name, double number);
/* report_fact as a context_fn (disk/context.h): `user` is a struct report. */
void report_fact_callback(void *user, const char *name, const char *text);

/* The columns, and all texts, must outlive the report. */
struct report_series *report_series_add(struct report *report, const char *name, const char *title,
                                        const struct report_column *columns, size_t count,
                                        const char *main_metric);
struct report_row *report_row_add(struct report_series *series);

void report_set(struct report_row *row, const char *column, double number);
void report_set_text(struct report_row *row, const char *column, const char *text);
void report_sample(struct report_row *row, double sample);
/* Drop all samples but the last `count`. */
void report_keep_samples(struct report_row *row, size_t count);
void report_set_median(struct report_row *row);
/* Sets the columns of REPORT_LATENCY_COLUMNS and keeps a copy of the histogram. Does nothing if the
 * histogram is empty. */
void report_set_latency(struct report_row *row, const ikv_latency *latency);
/* Nanoseconds within which `share` of the reads completed, interpolated within a bucket. */
double report_percentile(const ikv_latency *latency, double share);
/* Add a note to those that the row has. */
void report_note(struct report_row *row, const char *note);
/* Whether the samples had reached a steady state after this many rounds; if not, adds a note. */
void report_set_steady(struct report_row *row, bool steady, unsigned rounds);

/* NaN if the column has no number. */
double report_get(const struct report_row *row, const char *column);
/* The index of a column. */
size_t report_column_of(const struct report_series *series, const char *name);

/* ---------------------------------------------------------------- writing */

/* Facts as "# name: text" lines, then an aligned table per series. Tables wider than `width` (0: no
 * limit) have the parameters that all rows share above them, and the least important metrics are
 * left out. */
void report_write_table(const struct report *report, struct output *output, int width);
/* One object: docs/report-schema.md. */
void report_write_json(const struct report *report, struct output *output);
/* A block of lines per series (column names, then the rows), separated by empty lines. Without the
 * facts. */
void report_write_csv(const struct report *report, struct output *output);

#endif
