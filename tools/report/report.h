/*
 * A report: what was measured, on what, in tables that people and programs read.
 *
 *     report
 *       facts       name, text or number: kernel, device, seed, ... (disk/context.h finds many)
 *       series      one table: its columns, and the one that is its main metric
 *         row       a value in each column, samples of the main metric, a histogram of latencies
 *
 * A row is one thing that was measured: *parameters* say what, *metrics* how it did. Two reports
 * are compared row by row: rows of series with the same name that have the same parameters, by the
 * samples of the main metric. So parameters must be what was asked for, never what was measured.
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
 * Nothing here fails: when memory runs out the report remembers it (`failed`), functions return
 * NULL or do nothing, and all of them take NULL for a row or a series. Whoever writes a report
 * looks. Naming a column that the series does not have is a mistake in our own code: asserted.
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
    REPORT_PARAMETER, /* says what was measured */
    REPORT_MORE,      /* a metric of which more is better */
    REPORT_LESS,      /* a metric of which less is better */
    REPORT_NEUTRAL    /* a metric that is neither good nor bad */
};

/* In place of `decimals`: bytes, shown to people as "512 B", "4 KiB". */
#define REPORT_BYTES (-1)

struct report_column {
    const char *name; /* in JSON and CSV: lower case, digits, '_'. All texts are static storage */
    const char *unit; /* "us", "1/s", "MB/s", ...; "": none */
    enum report_role role;
    int decimals;     /* shown in the table; REPORT_BYTES */
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
    char text[40]; /* cut if longer */
};

struct report_row {
    struct report_series *series;
    struct report_value *values; /* one a column */
    double *samples;             /* of the main metric, in the order they were taken */
    size_t sample_count;
    ikv_latency *latency; /* NULL: none */
    char note[80];        /* "knee"; "": none */
};

struct report_series {
    struct report *report;
    const char *name;  /* as a column's */
    const char *title; /* a line for people */
    const struct report_column *columns;
    size_t column_count;
    size_t main_column;
    struct report_row **rows;
    size_t row_count;
};

struct report_fact {
    char *name;
    struct report_value value; /* a number; or REPORT_TEXT, which then stands in `text` */
    char *text;                /* of any length */
};

struct report {
    const char *command; /* "seek", "bench" */
    bool interrupted;    /* a signal ended it early: what is there is right, but not all */
    bool failed;         /* memory ran out: not all is there */
    struct report_fact *facts;
    size_t fact_count;
    struct report_series **series;
    size_t series_count;
};

/* `command` is static storage. */
void report_init(struct report *report, const char *command);
void report_free(struct report *report);

/* Facts keep their order; one that is set again takes the place of the old one. */
void report_fact(struct report *report, const char *name, const char *text);
void report_fact_number(struct report *report, const char *name, double number);
/* report_fact as disk/context.h calls it: user is a struct report. */
void report_fact_added(void *user, const char *name, const char *text);

/* The columns, and all texts, must outlive the report. */
struct report_series *report_series_add(struct report *report, const char *name, const char *title,
                                        const struct report_column *columns, size_t count,
                                        const char *main_metric);
struct report_row *report_row_add(struct report_series *series);

void report_set(struct report_row *row, const char *column, double number);
void report_set_text(struct report_row *row, const char *column, const char *text);
void report_sample(struct report_row *row, double sample);
void report_set_median(struct report_row *row);
/* Sets the columns of REPORT_LATENCY_COLUMNS and keeps a copy of the histogram. One without reads
 * is left out. */
void report_set_latency(struct report_row *row, const ikv_latency *latency);
/* Nanoseconds within which `share` of the reads were done, interpolated within a bucket. */
double report_percentile(const ikv_latency *latency, double share);
void report_note(struct report_row *row, const char *note);

/* NaN if it has no number there. */
double report_get(const struct report_row *row, const char *column);
/* The number of a column of a series; asserted to exist. */
size_t report_column_of(const struct report_series *series, const char *name);

/* ---------------------------------------------------------------- writing */

/* Facts as "# name: text" lines, then each series as an aligned table. */
void report_write_table(const struct report *report, struct output *output);
/* One object, see docs/report-schema.md. */
void report_write_json(const struct report *report, struct output *output);
/* A block of lines for each series (a line of names, then its rows), blocks being separated by an
 * empty line; facts are left out. */
void report_write_csv(const struct report *report, struct output *output);

#endif
