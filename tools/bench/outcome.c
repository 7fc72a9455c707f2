#include "bench/outcome.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "bench/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct report_column base_columns[] = {
    {"state", "", REPORT_PARAMETER, 0, "state"},
    {"backend", "", REPORT_PARAMETER, 0, "backend"},
    {"threads", "", REPORT_PARAMETER, 0, "threads"},
    {"depth", "", REPORT_PARAMETER, 0, "depth"},
    {"callers", "", REPORT_PARAMETER, 0, "callers"},
    {"probe", "", REPORT_PARAMETER, 0, "probe"},
    {"keys", "", REPORT_PARAMETER, 0, "keys"},
    {"hit_ratio", "", REPORT_PARAMETER, 2, "hits"},
    {"batch", "keys", REPORT_PARAMETER, 0, "batch"},
    {"index_memory", "bytes", REPORT_PARAMETER, REPORT_BYTES, "memory"},
    {"theta", "", REPORT_PARAMETER, 2, NULL},
    {"run_length", "keys", REPORT_PARAMETER, 0, NULL},
    {"lookups_per_second", "1/s", REPORT_MORE, 0, "lookups"},
    {"spread", "%", REPORT_NEUTRAL, 0, NULL},
    {"reads_per_key", "1/key", REPORT_LESS, 2, "reads"},
    {"predicted_reads_per_key", "1/key", REPORT_NEUTRAL, 2, "theory"},
    {"probes_per_key", "1/key", REPORT_LESS, 2, "probes"},
    {"predicted_probes_per_key", "1/key", REPORT_NEUTRAL, 2, "theory"},
    {"cached_per_key", "1/key", REPORT_NEUTRAL, 2, NULL},
    {"mapped_per_key", "1/key", REPORT_NEUTRAL, 2, NULL},
    {"major_faults_per_key", "1/key", REPORT_LESS, 4, NULL},
    {"bytes_per_key", "bytes", REPORT_LESS, 0, "B/key"},
    {"cpu_us_per_key", "us/key", REPORT_LESS, 2, "CPU"},
    {"system_calls_per_key", "1/key", REPORT_LESS, 3, "syscalls"},
    REPORT_LATENCY_COLUMNS,
    {"reads_per_second", "1/s", REPORT_MORE, 0, NULL},
    {"ceiling_reads_per_second", "1/s", REPORT_NEUTRAL, 0, "ceiling"},
    {"ceiling_in_flight", "reads", REPORT_NEUTRAL, 0, NULL},
    {"share_of_ceiling", "%", REPORT_MORE, 0, "share"},
    {"predicted_lookups_per_second", "1/s", REPORT_NEUTRAL, 0, NULL},
    {"pages_in_memory", "%", REPORT_NEUTRAL, 0, NULL},
    {"read_by", "", REPORT_NEUTRAL, 0, NULL},
    {"source", "", REPORT_NEUTRAL, 0, "source"},
};

/* ---------------------------------------------------------------- results */

int bench_results_new(struct bench_results *results, const struct bench_plan *plan)
{
    results->count = bench_setup_count(plan) * bench_point_count(plan);
    results->items = calloc(results->count, sizeof *results->items);
    if (results->items == NULL)
        return out_of_memory();
    for (size_t i = 0; i < results->count; i++) {
        results->items[i].rates = calloc((size_t)plan->repeat, sizeof(double));
        results->items[i].ceilings = calloc((size_t)plan->repeat, sizeof(double));
        if (results->items[i].rates == NULL || results->items[i].ceilings == NULL)
            return out_of_memory();
    }
    return STATUS_DONE;
}

void bench_results_free(struct bench_results *results)
{
    for (size_t i = 0; results->items != NULL && i < results->count; i++) {
        free(results->items[i].rates);
        free(results->items[i].ceilings);
    }
    free(results->items);
    *results = (struct bench_results){0};
}

void bench_case_at(const struct bench_outcome *outcome, size_t number, struct bench_case *ret_case)
{
    const struct bench_plan *plan = outcome->subject->plan;
    const size_t points = bench_point_count(plan);

    bench_setup_at(plan, number / points, &ret_case->setup);
    bench_point_at(plan, number % points, &ret_case->point);
    ret_case->result = &outcome->results->items[number];
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median and range (max - min) of the values; NaN if there are none. */
static void set_quantiles(const double *values, size_t count, double *ret_median, double *ret_range)
{
    double *sorted = count > 0 ? malloc(count * sizeof *sorted) : NULL;

    *ret_median = *ret_range = NAN;
    if (sorted == NULL)
        return;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    *ret_median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    *ret_range = sorted[count - 1] - sorted[0];
    free(sorted);
}

/* ---------------------------------------------------------------- columns */

static struct report_column *column_of(struct bench_outcome *outcome, const char *name)
{
    for (size_t i = 0; i < outcome->column_count; i++)
        if (strcmp(outcome->columns[i].name, name) == 0)
            return &outcome->columns[i];
    return NULL;
}

static void show(struct bench_outcome *outcome, const char *name, const char *head)
{
    struct report_column *column = column_of(outcome, name);
    if (column != NULL)
        column->head = head;
}

/* The table shows the parameters that vary, and probes unless there is always one per key, as with
 * page probes and all fences. */
static void choose_columns(struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    const struct {
        const char *name;
        size_t count;
    } lists[] = {
        {"backend", plan->backends.count},     {"threads", plan->threads.count},
        {"depth", plan->depths.count},         {"callers", plan->callers.count},
        {"probe", plan->probes.count},         {"keys", plan->distributions.count},
        {"hit_ratio", plan->hit_ratios.count}, {"index_memory", plan->memories.count},
    };

    memcpy(outcome->columns, base_columns, sizeof base_columns);
    outcome->column_count = REPORT_COUNT(base_columns);
    for (size_t i = 0; i < REPORT_COUNT(lists); i++)
        if (lists[i].count == 1)
            show(outcome, lists[i].name, NULL);
    if (!bench_list_has(&plan->probes, IKV_PROBE_ENTRY) && plan->memories.count == 1 &&
        outcome->subject->info.has_trailer) {
        show(outcome, "probes_per_key", NULL);
        show(outcome, "predicted_probes_per_key", NULL);
    }
    show(outcome, "latency_avg", NULL);
    show(outcome, "latency_p90", "p90");
    if (!bench_list_has(&plan->states, BENCH_COLD) &&
        !bench_list_has(&plan->states, BENCH_DIRECT)) {
        show(outcome, "ceiling_reads_per_second", NULL);
        show(outcome, "share_of_ceiling", NULL);
    }
}

/* The title names what all rows have in common. */
static void set_title(struct bench_outcome *outcome)
{
    const struct bench_plan *plan = outcome->subject->plan;
    char keys[64] = "keys", hits[32] = "";

    if (plan->distributions.count == 1)
        (void)snprintf(keys, sizeof keys, "%s keys",
                       bench_distribution_name((enum distribution)plan->distributions.items[0]));
    if (plan->hit_ratios.count == 1)
        (void)snprintf(hits, sizeof hits, ", %.0f %% of them present",
                       100 * plan->hit_ratios.items[0]);
    (void)snprintf(outcome->title, sizeof outcome->title,
                   "Lookups of %s%s: medians of %llu, percentiles of call durations", keys, hits,
                   (unsigned long long)plan->repeat);
}

/* ---------------------------------------------------------------- rows */

static void set_parameters(const struct bench_outcome *outcome, const struct bench_case *item,
                           struct report_row *row)
{
    const struct bench_plan *plan = outcome->subject->plan;
    const struct bench_point *point = &item->point;

    report_set_text(row, "state", bench_state_name(item->setup.state));
    report_set_text(row, "backend", bench_backend_name(item->setup.backend));
    report_set(row, "threads", item->result->threads);
    report_set(row, "depth", item->setup.depth);
    report_set(row, "callers", point->callers);
    report_set_text(row, "probe", bench_probe_name(point->probe));
    report_set_text(row, "keys", bench_distribution_name(point->distribution));
    report_set(row, "hit_ratio", point->present);
    report_set(row, "batch", (double)point->batch);
    report_set(row, "index_memory", (double)item->setup.memory);
    if (point->distribution == DISTRIBUTION_ZIPF)
        report_set(row, "theta", plan->theta);
    if (point->distribution == DISTRIBUTION_CLUSTERED)
        report_set(row, "run_length", (double)plan->run_length);
}

static void set_per_key(const struct bench_case *item, struct report_row *row)
{
    const struct bench_result *result = item->result;
    const double keys = (double)result->keys;

    report_set(
        row, "reads_per_key",
        (double)(result->counts.index_reads + result->counts.record_reads + result->counts.mapped) /
            keys);
    report_set(row, "mapped_per_key", (double)result->counts.mapped / keys);
    report_set(row, "major_faults_per_key", (double)result->counts.major_faults / keys);
    report_set(row, "probes_per_key", (double)result->counts.probes / keys);
    report_set(row, "cached_per_key", (double)result->counts.cached / keys);
    report_set(row, "bytes_per_key", (double)result->counts.bytes / keys);
    report_set(row, "cpu_us_per_key", 1e6 * result->cpu_seconds / keys);
    report_set(row, "system_calls_per_key", (double)result->counts.system_calls / keys);
}

static void set_theory(const struct bench_outcome *outcome, const struct bench_case *item,
                       double ceiling, struct report_row *row)
{
    const ikv_info *info = &outcome->subject->info;
    struct bench_prediction prediction;

    bench_predict(outcome->subject, &item->setup, &item->point, item->result, &prediction);
    report_set(row, "predicted_probes_per_key", prediction.probes_per_key);
    report_set(row, "predicted_reads_per_key", prediction.reads_per_key);
    report_set(row, "pages_in_memory",
               100 * item->result->cached_pages /
                   ((double)item->result->repetitions * (double)info->index_pages));
    if (ceiling > 0 && prediction.reads_per_key > 0)
        report_set(row, "predicted_lookups_per_second", ceiling / prediction.reads_per_key);
}

/* Compares with the device's ceiling. Returns the ceiling in reads per second; 0: unknown. */
static double set_ceiling(const struct bench_outcome *outcome, const struct bench_case *item,
                          double rate, struct report_row *row)
{
    const double reads = rate *
                         (double)bench_device_reads(outcome->subject, &item->setup, &item->point,
                                                    &item->result->counts) /
                         (double)item->result->keys;
    double ceiling, range;

    if (item->setup.state == BENCH_WARM)
        return 0;
    set_quantiles(item->result->ceilings, item->result->repetitions, &ceiling, &range);
    report_set(row, "reads_per_second", reads);
    if (!(ceiling > 0))
        return 0;
    report_set(row, "ceiling_reads_per_second", ceiling);
    report_set(row, "ceiling_in_flight", item->result->in_flight);
    report_set(row, "share_of_ceiling", 100 * reads / ceiling);
    return ceiling;
}

/* The source is named only if it was proved in every repetition. */
static void set_source(const struct bench_case *item, struct report_row *row)
{
    const struct bench_result *result = item->result;
    char note[80];

    report_set_text(row, "source",
                    result->proved[BENCH_FROM_DEVICE] == result->repetitions   ? "device"
                    : result->proved[BENCH_FROM_MEMORY] == result->repetitions ? "memory"
                                                                               : "?");
    report_set_text(row, "read_by", result->backend[0] ? result->backend : "none");
    if (result->proved[BENCH_UNPROVED] == 0)
        return;
    (void)snprintf(note, sizeof note, "not %s: see %s_proof",
                   item->setup.state == BENCH_WARM ? "warm" : "cold",
                   bench_state_name(item->setup.state));
    report_note(row, note);
}

static void add_row(const struct bench_outcome *outcome, struct report_series *series,
                    const struct bench_case *item)
{
    struct report_row *row = report_row_add(series);
    const struct bench_result *result = item->result;
    double median, range;

    if (row == NULL)
        return;
    set_parameters(outcome, item, row);
    for (size_t i = 0; i < result->repetitions; i++)
        report_sample(row, result->rates[i]);
    report_set_median(row);
    set_quantiles(result->rates, result->repetitions, &median, &range);
    report_set(row, "spread", 100 * range / median);
    set_per_key(item, row);
    report_set_latency(row, &result->calls);
    set_theory(outcome, item, set_ceiling(outcome, item, median, row), row);
    set_source(item, row);
}

/* ---------------------------------------------------------------- facts */

static void add_store_facts(const struct bench_outcome *outcome)
{
    const ikv_info *info = &outcome->subject->info;
    struct report *report = outcome->report;
    char text[256], type[16], values[64] = "plain", index[64];

    if (info->has_trailer)
        (void)snprintf(values, sizeof values,
                       info->value_size_min == info->value_size_max ? "values of %u bytes"
                                                                    : "values of %u to %u bytes",
                       info->value_size_min, info->value_size_max);
    if (info->layout == IKV_LAYOUT_CLUSTERED)
        (void)snprintf(index, sizeof index, "clustered in leaves of %s",
                       human_bytes(info->leaf_size).text);
    else
        (void)snprintf(index, sizeof index, "index %s", human_bytes((double)info->index_size).text);
    (void)snprintf(text, sizeof text, "%s keys of %s, %s, %s, %s",
                   human_count((double)info->pair_count).text,
                   ikv_key_type_name(info->key_type, type, sizeof type),
                   human_bytes((double)info->file_size).text, index, values);
    report_fact(report, "store", text);
    report_fact_number(report, "pairs", (double)info->pair_count);
    report_fact_number(report, "file_size", (double)info->file_size);
    report_fact_number(report, "seed", (double)outcome->subject->plan->seed);
    report_fact_number(report, "draws", (double)outcome->subject->draws[0].count);
}

/* For each state, one proof of where the bytes came from; a failed one if there is any. */
static void add_proofs(const struct bench_outcome *outcome)
{
    static const char *const names[] = {"warm_proof", "cold_proof", "direct_proof"};
    bool failed[3] = {false};
    struct bench_case item;

    for (size_t i = 0; i < outcome->results->count; i++) {
        bench_case_at(outcome, i, &item);
        const bool fails = item.result->proved[BENCH_UNPROVED] > 0;
        if (item.result->repetitions == 0 || (failed[item.setup.state] && !fails))
            continue;
        failed[item.setup.state] = fails;
        report_fact(outcome->report, names[item.setup.state], item.result->proof);
    }
}

/* ---------------------------------------------------------------- all of it */

void bench_outcome(struct bench_outcome *outcome)
{
    struct report_series *series;
    struct bench_case item;

    choose_columns(outcome);
    set_title(outcome);
    add_store_facts(outcome);
    add_proofs(outcome);
    series = report_series_add(outcome->report, "lookups", outcome->title, outcome->columns,
                               outcome->column_count, "lookups_per_second");
    if (series == NULL)
        return;
    for (size_t i = 0; i < outcome->results->count; i++) {
        bench_case_at(outcome, i, &item);
        if (item.result->repetitions > 0)
            add_row(outcome, series, &item);
    }
    if (!outcome->report->failed)
        bench_plots(outcome, series);
}
