/* The results of bench as a report and plots. */
#ifndef BENCH_OUTCOME_H
#define BENCH_OUTCOME_H

#include "bench/measure.h"
#include "report/plot.h"
#include "report/report.h"

/* The results of all points with all setups. */
struct bench_results {
    struct bench_result *items; /* item [setup * points + point] */
    size_t count;
};
int bench_results_new(struct bench_results *results, const struct bench_plan *plan);
void bench_results_free(struct bench_results *results);

#define BENCH_COLUMNS_MAX 48
struct bench_outcome {
    const struct bench_subject *subject;
    const struct bench_results *results;
    struct report *report;
    struct plots *plots;
    struct report_column columns[BENCH_COLUMNS_MAX]; /* the table shows only some of them */
    size_t column_count;
    char title[160];
};

/* Add facts, the table and the plots. The outcome must outlive the report. Points that were not
 * measured are left out. */
void bench_outcome(struct bench_outcome *outcome);

/* A combination of setup and point, and its result. */
struct bench_case {
    struct bench_setup setup;
    struct bench_point point;
    const struct bench_result *result;
};
void bench_case_at(const struct bench_outcome *outcome, size_t number, struct bench_case *ret_case);

/* Plot the rows of the series: all measured results, in order. */
void bench_plots(const struct bench_outcome *outcome, const struct report_series *series);

#endif
