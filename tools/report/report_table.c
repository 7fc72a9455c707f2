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

/* One line, without trailing blanks. `row` NULL: the headings, or their units. */
static void write_line(const struct report_series *series, struct output *output,
                       const struct report_row *row, bool units)
{
    char line[2048] = "";
    size_t used = 0;
    for (size_t i = 0; i < series->column_count && used < sizeof line; i++) {
        const struct report_column *column = &series->columns[i];
        struct report_text text;
        if (column->head == NULL)
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

static void write_series(const struct report_series *series, struct output *output)
{
    output_format(output, "\n%s\n\n", series->title);
    if (series->row_count == 0) {
        output_text(output, "(no measurements)\n");
        return;
    }
    write_line(series, output, NULL, false);
    write_line(series, output, NULL, true);
    for (size_t i = 0; i < series->row_count; i++)
        write_line(series, output, series->rows[i], false);
}

void report_write_table(const struct report *report, struct output *output)
{
    write_facts(report, output);
    for (size_t i = 0; i < report->series_count; i++)
        write_series(report->series[i], output);
}
