/* Reports as text: facts, then tables with aligned columns. Also formats numbers. */
#include "report/report.h"
#include "report/report_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct report_text report_number_text(double number)
{
    struct report_text result = {""};
    if (isfinite(number))
        snprintf(result.text, sizeof result.text,
                 number == rint(number) && fabs(number) < 1e15 ? "%.0f" : "%.9g", number);
    return result;
}

struct report_text report_bytes_text(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct report_text result;
    size_t unit = 0;
    const char *sign = bytes < 0 ? "-" : "";
    for (bytes = fabs(bytes); bytes >= 1024 && unit + 1 < REPORT_COUNT(units); unit++)
        bytes /= 1024;
    snprintf(result.text, sizeof result.text, bytes == rint(bytes) ? "%s%.0f %s" : "%s%.1f %s",
             sign, bytes, units[unit]);
    return result;
}

struct report_text report_value_text(const struct report_column *column,
                                     const struct report_value *value)
{
    struct report_text result = {"-"};
    if (value->kind == REPORT_TEXT)
        snprintf(result.text, sizeof result.text, "%s", value->text);
    else if (value->kind == REPORT_NUMBER && column->decimals == REPORT_BYTES)
        result = report_bytes_text(value->number);
    else if (value->kind == REPORT_NUMBER && isfinite(value->number))
        snprintf(result.text, sizeof result.text, "%.*f", column->decimals, value->number);
    return result;
}

/* ---------------------------------------------------------------- facts */

static void write_facts(const struct report *report, struct output *output)
{
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];
        output_format(output, "# %s: ", fact->name);
        if (fact->value.kind == REPORT_TEXT)
            output_untrusted(output, fact->text, strlen(fact->text), false);
        else
            output_text(output, report_number_text(fact->value.number).text);
        output_text(output, "\n");
    }
    if (report->interrupted)
        output_text(output, "# interrupted: results are incomplete\n");
}

/* ---------------------------------------------------------------- tables */

/* For the second line of the heading. Bytes carry their unit in each value. */
static const char *shown_unit(const struct report_column *column)
{
    return column->decimals == REPORT_BYTES ? "" : column->unit;
}

static bool is_text(const struct report_series *series, size_t column)
{
    for (size_t i = 0; i < series->row_count; i++)
        if (series->rows[i]->values[column].kind == REPORT_TEXT)
            return true;
    return false;
}

static int width_of(const struct report_series *series, size_t column)
{
    const struct report_column *spec = &series->columns[column];
    size_t width = strlen(spec->head);
    if (width < strlen(shown_unit(spec)))
        width = strlen(shown_unit(spec));
    for (size_t i = 0; i < series->row_count; i++) {
        struct report_text text = report_value_text(spec, &series->rows[i]->values[column]);
        if (width < strlen(text.text))
            width = strlen(text.text);
    }
    return (int)width;
}

/* ---------------------------------------------------------------- narrow terminals */

/* Metrics that a table which is too wide for the terminal leaves out, the first ones first. */
static const char *const dispensable[] = {"reads_per_system_call",
                                          "system_calls_per_key",
                                          "bytes_per_lookup",
                                          "bytes_per_key",
                                          "cpu_per_read",
                                          "latency_p99_9",
                                          "source",
                                          "megabytes_per_second",
                                          "service_p99",
                                          "predicted_probes_per_key",
                                          "predicted_reads_per_key",
                                          "cpu_us_per_key",
                                          "latency_p90",
                                          "over_ideal",
                                          "latency_avg",
                                          "ceiling_reads_per_second",
                                          "latency_max",
                                          "service_p50",
                                          "reads_per_second",
                                          "ideal",
                                          "share_of_ceiling",
                                          "probes_per_key",
                                          "reads_per_key",
                                          "gain"};

/* How a table is fitted to the terminal: parameters that all rows share are above it. */
enum place { IN_TABLE, ABOVE, LEFT_OUT };

struct layout {
    int width; /* of the terminal; 0: no limit */
    enum place places[REPORT_COLUMNS_MAX];
};

static bool is_shown(const struct report_series *series, const struct layout *layout, size_t column)
{
    return series->columns[column].head != NULL && layout->places[column] == IN_TABLE;
}

/* The width of the widest line, with its note. */
static size_t table_width(const struct report_series *series, const struct layout *layout)
{
    size_t width = 0, note = 0;
    for (size_t i = 0; i < series->column_count; i++)
        if (is_shown(series, layout, i))
            width += (size_t)width_of(series, i) + (width > 0 ? 2 : 0);
    for (size_t i = 0; i < series->row_count; i++)
        if (strlen(series->rows[i]->note) > note)
            note = strlen(series->rows[i]->note);
    return width + (note > 0 ? note + 2 : 0);
}

static bool same_in_all_rows(const struct report_series *series, size_t column)
{
    const struct report_column *spec = &series->columns[column];
    const struct report_text first = report_value_text(spec, &series->rows[0]->values[column]);
    for (size_t i = 1; i < series->row_count; i++)
        if (strcmp(report_value_text(spec, &series->rows[i]->values[column]).text, first.text) != 0)
            return false;
    return true;
}

static void fit(const struct report_series *series, struct layout *layout)
{
    const size_t width = (size_t)layout->width;
    if (width == 0 || table_width(series, layout) <= width)
        return;
    for (size_t i = 0; i < series->column_count; i++)
        if (series->columns[i].head != NULL && series->columns[i].role == REPORT_PARAMETER &&
            same_in_all_rows(series, i))
            layout->places[i] = ABOVE;
    for (size_t k = 0; k < REPORT_COUNT(dispensable) && table_width(series, layout) > width; k++)
        for (size_t i = 0; i < series->column_count; i++)
            if (strcmp(series->columns[i].name, dispensable[k]) == 0 && i != series->main_column)
                layout->places[i] = LEFT_OUT;
    /* Outliers can make the rest too wide, too. */
    for (size_t i = series->column_count; i-- > 0 && table_width(series, layout) > width;)
        if (series->columns[i].role != REPORT_PARAMETER && i != series->main_column)
            layout->places[i] = LEFT_OUT;
}

/* Words, in lines that fit the terminal. */
static void write_wrapped(struct output *output, int width, const char *text)
{
    size_t length = strlen(text);
    while (width > 0 && length > (size_t)width) {
        size_t end = (size_t)width;
        while (end > 0 && text[end] != ' ')
            end--;
        if (end == 0)
            break;
        output_bytes(output, text, end);
        output_text(output, "\n");
        text += end + 1;
        length -= end + 1;
    }
    output_bytes(output, text, length);
    output_text(output, "\n");
}

/* "backend uring, threads 1": the columns of this place, with their values if they share them. */
static void write_columns(const struct report_series *series, struct output *output,
                          const struct layout *layout, enum place place, const char *before,
                          const char *after)
{
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", before);
    const size_t empty = used;
    for (size_t i = 0; i < series->column_count && used < sizeof text; i++) {
        const struct report_column *column = &series->columns[i];
        if (column->head == NULL || layout->places[i] != place)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > empty ? ", " : "",
                                 column->head);
        if (place == ABOVE && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s",
                                     report_value_text(column, &series->rows[0]->values[i]).text);
    }
    if (used == empty)
        return;
    if (used < sizeof text)
        (void)snprintf(text + used, sizeof text - used, "%s", after);
    write_wrapped(output, layout->width, text);
}

/* ---------------------------------------------------------------- lines */

/* One line, without trailing blanks. `row` NULL: the headings, or their units. */
static void write_line(const struct report_series *series, struct output *output,
                       const struct layout *layout, const struct report_row *row, bool units)
{
    char line[2048] = "";
    size_t used = 0;
    for (size_t i = 0; i < series->column_count && used < sizeof line; i++) {
        const struct report_column *column = &series->columns[i];
        struct report_text text;
        if (!is_shown(series, layout, i))
            continue;
        if (row != NULL)
            text = report_value_text(column, &row->values[i]);
        else
            snprintf(text.text, sizeof text.text, "%s", units ? shown_unit(column) : column->head);
        const int width = width_of(series, i);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%*s", used ? "  " : "",
                                 is_text(series, i) ? -width : width, text.text);
    }
    if (row != NULL && row->note[0] != '\0' && used < sizeof line)
        used += (size_t)snprintf(line + used, sizeof line - used, "  %s", row->note);
    used = used < sizeof line ? used : sizeof line - 1; /* truncated */
    while (used > 0 && line[used - 1] == ' ')
        used--;
    output_bytes(output, line, used);
    output_text(output, "\n");
}

static void write_series(const struct report_series *series, struct output *output, int width)
{
    struct layout layout = {.width = width};
    output_text(output, "\n");
    write_wrapped(output, width, series->title);
    if (series->row_count == 0) {
        output_text(output, "\n(no measurements)\n");
        return;
    }
    fit(series, &layout);
    write_columns(series, output, &layout, ABOVE, "All rows: ", "");
    output_text(output, "\n");
    write_line(series, output, &layout, NULL, false);
    write_line(series, output, &layout, NULL, true);
    for (size_t i = 0; i < series->row_count; i++)
        write_line(series, output, &layout, series->rows[i], false);
    write_columns(series, output, &layout, LEFT_OUT,
                  "\nLeft out for the width of the terminal: ", "");
}

void report_write_table(const struct report *report, struct output *output, int width)
{
    write_facts(report, output);
    for (size_t i = 0; i < report->series_count; i++)
        write_series(report->series[i], output, width);
}
