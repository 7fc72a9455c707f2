/* What bench found out, as a report and as plots. */
#ifndef BENCH_OUTCOME_H
#define BENCH_OUTCOME_H

#include "bench/visit.h"
#include "report/plot.h"
#include "report/report.h"

/* Memory for results of all points of all setups. */
struct bench_results {
    struct bench_result *items; /* setup * points + point */
    size_t count;
};
int bench_results_new(struct bench_results *results, const struct bench_plan *plan);
void bench_results_free(struct bench_results *results);

/* The columns of the table. It shows those of which there is more than one value, and a few more.
 */
#define BENCH_COLUMNS_MAX 48
struct bench_outcome {
    const struct bench_subject *subject;
    const struct bench_results *results;
    struct report *report;
    struct plots *plots;
    struct report_column columns[BENCH_COLUMNS_MAX];
    size_t column_count;
    char title[160];
};

/* Fill the report (whose facts about the machine are there) and the plots. The outcome must outlive
 * the report. Points that were never visited are left out. */
void bench_outcome(struct bench_outcome *outcome);

/* A point, where it was measured, and what came of it. */
struct bench_place {
    struct bench_setup setup;
    struct bench_point point;
    const struct bench_result *result;
};
void bench_place_at(const struct bench_outcome *outcome, size_t number,
                    struct bench_place *ret_place);

/* Draw the series' rows, which are the results that were visited, in their order. */
void bench_plots(const struct bench_outcome *outcome, const struct report_series *series);

#endif
