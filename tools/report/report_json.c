/* Reports as JSON: docs/report-schema.md. */
#include "report/report.h"
#include "report/report_text.h"
#include "text/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void write_number(struct output *output, double number)
{
    output_text(output, isfinite(number) ? report_number_text(number).text : "null");
}

static void write_name(struct output *output, const char *name)
{
    json_string_literal(output, name, strlen(name));
    output_text(output, ":");
}

static void write_facts(const struct report *report, struct output *output)
{
    const char *gap = "\n  ";
    output_text(output, "\"context\":{");
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];
        output_text(output, gap);
        gap = ",\n  ";
        if (fact->value.kind == REPORT_TEXT) {
            json_text_member(output, fact->name, fact->text);
        } else {
            write_name(output, fact->name);
            write_number(output, fact->value.number);
        }
    }
    output_text(output, "}");
}

static void write_column(struct output *output, const struct report_column *column)
{
    static const char *const better[] = {NULL, "more", "less", NULL};
    output_text(output, "{");
    json_text_member(output, "name", column->name);
    output_text(output, ",");
    json_text_member(output, "unit", column->unit);
    if (column->role != REPORT_PARAMETER) {
        output_text(output, ",\"better\":");
        const char *word = better[column->role];
        if (word != NULL)
            json_string_literal(output, word, strlen(word));
        else
            output_text(output, "null");
    }
    output_text(output, "}");
}

/* The parameters of a series, or its metrics. */
static void write_columns(const struct report_series *series, struct output *output,
                          bool parameters)
{
    const char *gap = "\n    ";
    output_text(output, parameters ? "\"parameters\":[" : "\"metrics\":[");
    for (size_t i = 0; i < series->column_count; i++) {
        if ((series->columns[i].role == REPORT_PARAMETER) != parameters)
            continue;
        output_text(output, gap);
        gap = ",\n    ";
        write_column(output, &series->columns[i]);
    }
    output_text(output, "]");
}

static void write_values(const struct report_row *row, struct output *output, bool parameters)
{
    const struct report_series *series = row->series;
    const char *gap = "";
    output_text(output, parameters ? "\"parameters\":{" : "\"metrics\":{");
    for (size_t i = 0; i < series->column_count; i++) {
        const struct report_value *value = &row->values[i];
        if ((series->columns[i].role == REPORT_PARAMETER) != parameters ||
            value->kind == REPORT_NOTHING)
            continue;
        output_text(output, gap);
        gap = ",";
        write_name(output, series->columns[i].name);
        if (value->kind == REPORT_TEXT)
            json_string_literal(output, value->text, strlen(value->text));
        else
            write_number(output, value->number);
    }
    output_text(output, "}");
}

/* For every bucket that is not empty: its longest duration, as ikv_latency_percentile returns it,
 * and its count. */
static void write_latency(struct output *output, const ikv_latency *latency)
{
    const char *gap = "";
    uint64_t seen = 0;
    output_format(output,
                  ",\n     \"latency_ns\":{\"count\":%" PRIu64 ",\"sum\":%" PRIu64
                  ",\"min\":%" PRIu64 ",\"max\":%" PRIu64 ",\"buckets\":[",
                  latency->count, latency->sum_ns, latency->min_ns, latency->max_ns);
    for (size_t i = 0; i < IKV_LATENCY_BUCKETS; i++) {
        if (latency->bucket[i] == 0)
            continue;
        seen += latency->bucket[i];
        uint64_t last = ikv_latency_percentile(latency, (double)seen / (double)latency->count);
        output_format(output, "%s[%" PRIu64 ",%" PRIu64 "]", gap, last, latency->bucket[i]);
        gap = ",";
    }
    output_text(output, "]}");
}

static void write_row(const struct report_row *row, struct output *output)
{
    output_text(output, "{");
    write_values(row, output, true);
    output_text(output, ",\n     ");
    write_values(row, output, false);
    output_text(output, ",\n     \"samples\":[");
    for (size_t i = 0; i < row->sample_count; i++) {
        output_text(output, i ? "," : "");
        write_number(output, row->samples[i]);
    }
    output_text(output, "]");
    if (row->rounds > 0)
        output_format(output, ",\n     \"steady\":%s,\"rounds\":%u", row->steady ? "true" : "false",
                      row->rounds);
    if (row->note[0] != '\0') {
        output_text(output, ",\n     ");
        json_text_member(output, "note", row->note);
    }
    if (row->latency != NULL)
        write_latency(output, row->latency);
    output_text(output, "}");
}

static void write_series(const struct report_series *series, struct output *output)
{
    output_text(output, "{");
    json_text_member(output, "name", series->name);
    output_text(output, ",\n   ");
    json_text_member(output, "title", series->title);
    output_text(output, ",\n   ");
    write_columns(series, output, true);
    output_text(output, ",\n   ");
    write_columns(series, output, false);
    output_text(output, ",\n   ");
    json_text_member(output, "main", series->columns[series->main_column].name);
    output_text(output, ",\n   \"rows\":[");
    for (size_t i = 0; i < series->row_count; i++) {
        output_text(output, i ? ",\n    " : "\n    ");
        write_row(series->rows[i], output);
    }
    output_text(output, "]}");
}

void report_write_json(const struct report *report, struct output *output)
{
    output_format(output, "{\"schema\":\"%s\",\n \"schema_version\":%d,\n ", REPORT_SCHEMA,
                  REPORT_SCHEMA_VERSION);
    json_text_member(output, "command", report->command);
    output_format(output, ",\n \"complete\":%s,\n ", report->interrupted ? "false" : "true");
    write_facts(report, output);
    output_text(output, ",\n \"series\":[");
    for (size_t i = 0; i < report->series_count; i++) {
        output_text(output, i ? ",\n  " : "\n  ");
        write_series(report->series[i], output);
    }
    output_text(output, "]}\n");
}
