/* Reports as CSV (RFC 4180, but lines end with LF): a block of lines per series. */
#include "report/report.h"
#include "report/report_text.h"

#include <string.h>

static void write_field(struct output *output, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        output_text(output, text);
        return;
    }
    output_text(output, "\"");
    for (; *text; text++) {
        output_text(output, *text == '"' ? "\"" : "");
        output_bytes(output, text, 1);
    }
    output_text(output, "\"");
}

static void write_row(const struct report_row *row, struct output *output)
{
    write_field(output, row->series->name);
    for (size_t i = 0; i < row->series->column_count; i++) {
        const struct report_value *value = &row->values[i];
        output_text(output, ",");
        if (value->kind == REPORT_TEXT)
            write_field(output, value->text);
        else if (value->kind == REPORT_NUMBER)
            output_text(output, report_number_text(value->number).text);
    }
    output_text(output, ",");
    for (size_t i = 0; i < row->sample_count; i++) {
        output_text(output, i ? " " : "");
        output_text(output, report_number_text(row->samples[i]).text);
    }
    output_text(output, ",");
    write_field(output, row->note);
    output_text(output, "\n");
}

void report_write_csv(const struct report *report, struct output *output)
{
    for (size_t i = 0; i < report->series_count; i++) {
        const struct report_series *series = report->series[i];
        output_text(output, i ? "\nseries" : "series");
        for (size_t k = 0; k < series->column_count; k++)
            output_format(output, ",%s", series->columns[k].name);
        output_text(output, ",samples,note\n");
        for (size_t k = 0; k < series->row_count; k++)
            write_row(series->rows[k], output);
    }
}
