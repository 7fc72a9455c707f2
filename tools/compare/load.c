#include "compare/load.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "compare/ratio.h"
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX ((off_t)256 << 20)
#define SERIES_MAX    1000
#define ROWS_MAX      1000000
#define NAME_MAX_SIZE 60

/* ---------------------------------------------------------------- errors */

static int not_a_report(const struct loaded_report *report, const char *what)
{
    message("%s: not a report (%s): %s", report->path, REPORT_SCHEMA, what);
    return STATUS_USAGE;
}

static int bad_row(const struct loaded_report *report, const struct loaded_series *series,
                   size_t row, const char *what)
{
    message("%s: series %s, row %zu: %s", report->path,
            excerpt_of(series->name, strlen(series->name)).text, row + 1, what);
    return STATUS_USAGE;
}

static int no_memory(void)
{
    (void)out_of_memory();
    return STATUS_USAGE;
}

/* Whether a text that will be printed has no control characters, which could affect a terminal. */
static bool is_plain(const char *text)
{
    for (const unsigned char *byte = (const unsigned char *)text; *byte != '\0'; byte++)
        if (*byte < ' ' || *byte == 0x7f || (*byte == 0xc2 && byte[1] < 0xa0))
            return false;
    return true;
}

/* Whether a text is a valid name of a series or column. */
static bool is_name(const char *text)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= NAME_MAX_SIZE &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text);
}

/* ---------------------------------------------------------------- the file */

static int parse(struct loaded_report *report, FILE *file)
{
    json_error_t error;

    report->root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    if (report->root != NULL)
        return STATUS_DONE;
    if (error.line > 0)
        message("%s: line %d, column %d: %s", report->path, error.line, error.column, error.text);
    else
        message("%s: %s", report->path, error.text);
    return STATUS_USAGE;
}

static int read_file(struct loaded_report *report)
{
    struct stat st;
    const int fd = open(report->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0) {
        message("%s: %s", report->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return STATUS_USAGE;
    }
    FILE *file = NULL;
    int status = STATUS_USAGE;
    if (!S_ISREG(st.st_mode))
        message("%s: not a regular file", report->path);
    else if (st.st_size > FILE_SIZE_MAX)
        message("%s: too large for a report", report->path);
    else if ((file = fdopen(fd, "r")) == NULL)
        status = no_memory();
    else
        status = parse(report, file);
    if (file != NULL)
        (void)fclose(file);
    else
        close(fd);
    return status;
}

/* ---------------------------------------------------------------- rows */

static int read_samples(const struct loaded_report *report, const struct loaded_series *series,
                        size_t number, json_t *samples, struct loaded_row *row)
{
    const size_t count = json_array_size(samples);

    if (count > RATIO_SAMPLES_MAX)
        return bad_row(report, series, number, "more than 1000 samples");
    row->samples = malloc(count * sizeof *row->samples);
    if (row->samples == NULL)
        return no_memory();
    for (size_t i = 0; i < count; i++) {
        json_t *sample = json_array_get(samples, i);
        const double value = json_number_value(sample);

        if (!json_is_number(sample) || !isfinite(value) || value <= 0)
            return bad_row(report, series, number, "a sample is not a positive number");
        row->samples[row->sample_count++] = value;
    }
    return STATUS_DONE;
}

static int read_row(const struct loaded_report *report, struct loaded_series *series, size_t number,
                    json_t *json)
{
    struct loaded_row *row = &series->rows[series->row_count];
    json_t *samples = json_object_get(json, "samples");
    json_t *value;
    const char *name;

    row->parameters = json_object_get(json, "parameters");
    if (!json_is_object(row->parameters))
        return bad_row(report, series, number, "no parameters");
    if (samples == NULL || (json_is_array(samples) && json_array_size(samples) == 0))
        return STATUS_DONE;
    if (!json_is_array(samples))
        return bad_row(report, series, number, "samples are not an array");
    json_object_foreach (row->parameters, name, value) {
        if (!json_is_number(value) && !json_is_string(value) && !json_is_null(value))
            return bad_row(report, series, number, "a parameter is neither text nor a number");
        if (json_is_string(value) && !is_plain(json_string_value(value)))
            return bad_row(report, series, number, "a parameter contains control characters");
    }
    series->row_count++;
    int status = read_samples(report, series, number, samples, row);
    if (status != STATUS_DONE)
        return status;
    row->key = json_dumps(row->parameters, JSON_COMPACT | JSON_SORT_KEYS);
    if (row->key == NULL)
        return no_memory();
    if (json_object_get(series->by_key, row->key) != NULL)
        return bad_row(report, series, number, "same parameters as an earlier row");
    if (json_object_set_new(series->by_key, row->key,
                            json_integer((json_int_t)series->row_count - 1)) != 0)
        return no_memory();
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- series */

/* Sets unit and `better` of the main metric. */
static bool find_main(struct loaded_series *series, json_t *metrics)
{
    json_t *metric;
    size_t i;

    json_array_foreach (metrics, i, metric) {
        const char *name = json_string_value(json_object_get(metric, "name"));
        const char *better = json_string_value(json_object_get(metric, "better"));
        const char *unit = json_string_value(json_object_get(metric, "unit"));

        if (name == NULL || strcmp(name, series->main) != 0)
            continue;
        series->unit = unit != NULL && is_plain(unit) ? unit : "";
        series->better = better == NULL                ? BETTER_NEITHER
                         : strcmp(better, "more") == 0 ? BETTER_MORE
                         : strcmp(better, "less") == 0 ? BETTER_LESS
                                                       : BETTER_NEITHER;
        return true;
    }
    return false;
}

static int read_series(struct loaded_report *report, json_t *json)
{
    struct loaded_series *series = &report->series[report->series_count++];
    json_t *rows = json_object_get(json, "rows"), *row, *parameter;
    size_t i;

    series->name = json_string_value(json_object_get(json, "name"));
    series->title = json_string_value(json_object_get(json, "title"));
    series->main = json_string_value(json_object_get(json, "main"));
    series->parameters = json_object_get(json, "parameters");
    if (series->name == NULL || series->title == NULL || series->main == NULL ||
        !json_is_array(series->parameters) || !json_is_array(rows))
        return not_a_report(report, "a series lacks name, title, main, parameters or rows");
    if (!is_name(series->name) || !is_name(series->main) || !is_plain(series->title))
        return not_a_report(report, "invalid name, main or title of a series");
    json_array_foreach (series->parameters, i, parameter)
        if (!is_name(json_string_value(json_object_get(parameter, "name"))))
            return not_a_report(report, "missing or invalid name of a parameter");
    if (!find_main(series, json_object_get(json, "metrics")))
        return not_a_report(report, "the main metric of a series is not among its metrics");
    if (json_array_size(rows) > ROWS_MAX)
        return not_a_report(report, "too many rows");
    series->rows = calloc(json_array_size(rows) + 1, sizeof *series->rows);
    series->by_key = json_object();
    if (series->rows == NULL || series->by_key == NULL)
        return no_memory();
    json_array_foreach (rows, i, row) {
        int status = read_row(report, series, i, row);
        if (status != STATUS_DONE)
            return status;
    }
    return STATUS_DONE;
}

static int read_root(struct loaded_report *report)
{
    const char *schema = json_string_value(json_object_get(report->root, "schema"));
    json_t *version = json_object_get(report->root, "schema_version");
    json_t *series = json_object_get(report->root, "series"), *one;
    size_t i;

    if (schema == NULL || strcmp(schema, REPORT_SCHEMA) != 0)
        return not_a_report(report, "missing or other schema");
    if (!json_is_integer(version) || json_integer_value(version) != REPORT_SCHEMA_VERSION)
        return not_a_report(report, "unsupported schema version");
    if (!json_is_array(series))
        return not_a_report(report, "no series");
    report->context = json_object_get(report->root, "context");
    report->complete = json_is_true(json_object_get(report->root, "complete"));
    if (json_array_size(series) > SERIES_MAX)
        return not_a_report(report, "too many series");
    report->series = calloc(json_array_size(series) + 1, sizeof *report->series);
    if (report->series == NULL)
        return no_memory();
    json_array_foreach (series, i, one) {
        int status = read_series(report, one);
        if (status != STATUS_DONE)
            return status;
        for (size_t j = 0; j < i; j++)
            if (strcmp(report->series[j].name, report->series[i].name) == 0)
                return not_a_report(report, "two series with the same name");
    }
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- all of it */

int loaded_read(struct loaded_report *report, const char *path)
{
    *report = (struct loaded_report){.path = path};
    int status = read_file(report);
    return status == STATUS_DONE ? read_root(report) : status;
}

void loaded_free(struct loaded_report *report)
{
    for (size_t i = 0; i < report->series_count; i++) {
        struct loaded_series *series = &report->series[i];
        for (size_t j = 0; series->rows != NULL && j < series->row_count; j++) {
            free(series->rows[j].key);
            free(series->rows[j].samples);
        }
        free(series->rows);
        json_decref(series->by_key);
    }
    free(report->series);
    json_decref(report->root);
    *report = (struct loaded_report){0};
}

const struct loaded_series *loaded_series_named(const struct loaded_report *report,
                                                const char *name)
{
    for (size_t i = 0; i < report->series_count; i++)
        if (strcmp(report->series[i].name, name) == 0)
            return &report->series[i];
    return NULL;
}

const struct loaded_row *loaded_row_of(const struct loaded_series *series, const char *key)
{
    json_t *number = json_object_get(series->by_key, key);
    return number == NULL ? NULL : &series->rows[json_integer_value(number)];
}
