#include "report/report.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void report_init(struct report *report, const char *command)
{
    *report = (struct report){.command = command};
}

static void row_free(struct report_row *row)
{
    free(row->values);
    free(row->samples);
    free(row->latency);
    free(row);
}

void report_free(struct report *report)
{
    for (size_t i = 0; i < report->fact_count; i++) {
        free(report->facts[i].name);
        free(report->facts[i].text);
    }
    free(report->facts);
    for (size_t i = 0; i < report->series_count; i++) {
        struct report_series *series = report->series[i];
        for (size_t k = 0; k < series->row_count; k++)
            row_free(series->rows[k]);
        free(series->rows);
        free(series);
    }
    free(report->series);
    *report = (struct report){0};
}

/* Reserve memory for one more element after `count`, which grows by one at a time. NULL: out of
 * memory, and the old array is still valid. */
static void *reserve_one(struct report *report, void *array, size_t count, size_t element)
{
    if ((count & (count - 1)) != 0) /* capacities are powers of two */
        return array;
    void *grown = realloc(array, (count ? 2 * count : 1) * element);
    report->failed |= grown == NULL;
    return grown;
}

/* ---------------------------------------------------------------- facts */

static struct report_fact *fact_named(struct report *report, const char *name)
{
    for (size_t i = 0; i < report->fact_count; i++)
        if (strcmp(report->facts[i].name, name) == 0)
            return &report->facts[i];
    struct report_fact *facts =
        reserve_one(report, report->facts, report->fact_count, sizeof *report->facts);
    if (facts == NULL)
        return NULL;
    report->facts = facts;
    struct report_fact *fact = &facts[report->fact_count];
    *fact = (struct report_fact){.name = strdup(name)};
    if (fact->name == NULL) {
        report->failed = true;
        return NULL;
    }
    report->fact_count++;
    return fact;
}

void report_fact(struct report *report, const char *name, const char *text)
{
    struct report_fact *fact = fact_named(report, name);
    if (fact == NULL)
        return;
    free(fact->text);
    fact->text = strdup(text);
    fact->value.kind = fact->text ? REPORT_TEXT : REPORT_NOTHING;
    report->failed |= fact->text == NULL;
}

void report_fact_number(struct report *report, const char *name, double number)
{
    struct report_fact *fact = fact_named(report, name);
    if (fact != NULL)
        fact->value = (struct report_value){.kind = REPORT_NUMBER, .number = number};
}

void report_fact_callback(void *user, const char *name, const char *text)
{
    report_fact(user, name, text);
}

/* ---------------------------------------------------------------- series and rows */

size_t report_column_of(const struct report_series *series, const char *name)
{
    size_t i = 0;
    while (i < series->column_count && strcmp(series->columns[i].name, name) != 0)
        i++;
    assert(i < series->column_count);
    return i;
}

struct report_series *report_series_add(struct report *report, const char *name, const char *title,
                                        const struct report_column *columns, size_t count,
                                        const char *main_metric)
{
    assert(count <= REPORT_COLUMNS_MAX);
    struct report_series **all =
        reserve_one(report, report->series, report->series_count, sizeof *report->series);
    struct report_series *series = calloc(1, sizeof *series);
    report->series = all ? all : report->series;
    if (all == NULL || series == NULL) {
        report->failed = true;
        free(series);
        return NULL;
    }
    *series = (struct report_series){
        .report = report, .name = name, .title = title, .columns = columns, .column_count = count};
    series->main_column = report_column_of(series, main_metric);
    all[report->series_count++] = series;
    return series;
}

struct report_row *report_row_add(struct report_series *series)
{
    if (series == NULL)
        return NULL;
    struct report_row **rows =
        reserve_one(series->report, series->rows, series->row_count, sizeof *series->rows);
    struct report_row *row = calloc(1, sizeof *row);
    series->rows = rows ? rows : series->rows;
    if (row != NULL)
        row->values = calloc(series->column_count, sizeof *row->values);
    if (rows == NULL || row == NULL || row->values == NULL) {
        series->report->failed = true;
        free(row ? row->values : NULL);
        free(row);
        return NULL;
    }
    row->series = series;
    rows[series->row_count++] = row;
    return row;
}

static struct report_value *value_of(const struct report_row *row, const char *column)
{
    return &row->values[report_column_of(row->series, column)];
}

void report_set(struct report_row *row, const char *column, double number)
{
    if (row != NULL)
        *value_of(row, column) = (struct report_value){.kind = REPORT_NUMBER, .number = number};
}

void report_set_text(struct report_row *row, const char *column, const char *text)
{
    if (row == NULL)
        return;
    struct report_value *value = value_of(row, column);
    value->kind = REPORT_TEXT;
    snprintf(value->text, sizeof value->text, "%s", text);
}

void report_note(struct report_row *row, const char *note)
{
    if (row == NULL)
        return;
    const size_t used = strlen(row->note);
    snprintf(row->note + used, sizeof row->note - used, "%s%s", used > 0 ? ", " : "", note);
}

void report_set_steady(struct report_row *row, bool steady, unsigned rounds)
{
    if (row == NULL)
        return;
    row->steady = steady;
    row->rounds = rounds;
    if (!steady)
        report_note(row, "not steady");
}

double report_get(const struct report_row *row, const char *column)
{
    if (row == NULL)
        return NAN;
    const struct report_value *value = value_of(row, column);
    return value->kind == REPORT_NUMBER ? value->number : NAN;
}

void report_keep_samples(struct report_row *row, size_t count)
{
    if (row == NULL || row->sample_count <= count)
        return;
    memmove(row->samples, row->samples + row->sample_count - count, count * sizeof *row->samples);
    row->sample_count = count;
}

void report_sample(struct report_row *row, double sample)
{
    if (row == NULL)
        return;
    double *samples =
        reserve_one(row->series->report, row->samples, row->sample_count, sizeof *row->samples);
    if (samples == NULL)
        return;
    row->samples = samples;
    samples[row->sample_count++] = sample;
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void report_set_median(struct report_row *row)
{
    if (row == NULL || row->sample_count == 0)
        return;
    const size_t count = row->sample_count;
    double *sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL) {
        row->series->report->failed = true;
        return;
    }
    memcpy(sorted, row->samples, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_numbers);
    const double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    free(sorted);
    row->values[row->series->main_column] =
        (struct report_value){.kind = REPORT_NUMBER, .number = median};
}

/* The longest duration that a bucket counts. */
static uint64_t bucket_last(size_t bucket)
{
    ikv_latency one = {.count = 1, .max_ns = UINT64_MAX};
    one.bucket[bucket] = 1;
    return ikv_latency_percentile(&one, 1);
}

/*
 * Buckets are 12 % wide. ikv_latency_percentile returns the end of the bucket; this function
 * assumes that durations are evenly distributed within it.
 */
double report_percentile(const ikv_latency *latency, double share)
{
    const double rank = share * (double)latency->count;
    double seen = 0;
    for (size_t i = 0; i < IKV_LATENCY_BUCKETS; i++) {
        const double here = (double)latency->bucket[i];
        if (here > 0 && seen + here >= rank) {
            const double first = i > 0 ? (double)bucket_last(i - 1) + 1 : 0;
            const double low = fmax(first, (double)latency->min_ns);
            const double high = fmin((double)bucket_last(i) + 1, (double)latency->max_ns);
            return low + (high - low) * fmin((rank - seen) / here, 1);
        }
        seen += here;
    }
    return (double)latency->max_ns;
}

void report_set_latency(struct report_row *row, const ikv_latency *latency)
{
    static const struct {
        const char *column;
        double share;
    } percentiles[] = {{"latency_p50", 0.5},
                       {"latency_p90", 0.9},
                       {"latency_p99", 0.99},
                       {"latency_p99_9", 0.999},
                       {"latency_p99_99", 0.9999}};
    if (row == NULL || latency->count == 0)
        return;
    report_set(row, "latency_min", (double)latency->min_ns * 1e-3);
    report_set(row, "latency_avg", (double)latency->sum_ns / (double)latency->count * 1e-3);
    report_set(row, "latency_max", (double)latency->max_ns * 1e-3);
    for (size_t i = 0; i < REPORT_COUNT(percentiles); i++)
        report_set(row, percentiles[i].column,
                   report_percentile(latency, percentiles[i].share) * 1e-3);
    if (row->latency == NULL)
        row->latency = malloc(sizeof *row->latency);
    if (row->latency == NULL)
        row->series->report->failed = true;
    else
        *row->latency = *latency;
}
