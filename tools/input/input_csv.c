/* CSV input: the key is one column, the value the whole row or some of its columns. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "input/pair_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A column from the options, and its index in the current file. */
struct column {
    char *name;   /* name or number, unquoted */
    size_t index; /* from 0 */
};

struct csv_columns {
    struct csv_row row;
    struct column key;
    struct column end; /* of ranges: the last key */
    struct column *values;
    size_t value_count; /* 0: the value is the whole row */
    struct buffer value;
    bool at_end; /* the current file has been read to its end */
};

/* Parse a column number, counted from 1, as an index. */
static bool column_number(const char *name, size_t *ret_index)
{
    uint64_t number;
    if (!parse_number(name, &number) || number < 1 || number > CSV_FIELDS_MAX)
        return false;
    *ret_index = (size_t)number - 1;
    return true;
}

/* Without a header, columns have numbers only. */
static int check_column(const struct pair_format *format, struct column *column)
{
    if (format->header || column_number(column->name, &column->index))
        return STATUS_DONE;
    return usage_error("build",
                       "column %s: expected a number from 1 to %d (names require --header)",
                       excerpt_of(column->name, strlen(column->name)).text, CSV_FIELDS_MAX);
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

/* The list of columns is a CSV row itself, so that names can contain commas. */
static int parse_value_columns(struct csv_columns *columns, const struct pair_format *format)
{
    const char *list = format->value_columns, *problem = "";
    struct csv_row *row = &columns->row;
    row->strict = true;
    csv_row_begin(row);
    enum csv_scan result = csv_row_scan(row, ',', list, strlen(list), true, &problem);
    if (result == CSV_NO_MEMORY)
        return out_of_memory();
    if (result != CSV_ROW || row->consumed != strlen(list))
        return usage_error("build", "--value-columns: expected a comma-separated list, got %s",
                           excerpt_of(list, strlen(list)).text);
    columns->values = calloc(row->count, sizeof *columns->values);
    if (columns->values == NULL)
        return out_of_memory();
    for (size_t i = 0; i < row->count; i++) {
        columns->value.size = 0;
        if (!csv_field_content(&row->fields[i], list, &columns->value) ||
            !buffer_append(&columns->value, "", 1) ||
            (columns->values[i].name = copy_text(columns->value.data)) == NULL)
            return out_of_memory();
        columns->value_count++;
        int status = check_column(format, &columns->values[i]);
        if (status != STATUS_DONE)
            return status;
    }
    return STATUS_DONE;
}

static int open_end_column(const struct pair_format *format, struct csv_columns *columns)
{
    columns->end.index = columns->key.index + 1;
    if (format->end_column == NULL)
        return STATUS_DONE;
    columns->end.name = copy_text(format->end_column);
    return columns->end.name != NULL ? check_column(format, &columns->end) : out_of_memory();
}

int input_csv_open(struct pair_reader *reader)
{
    struct csv_columns *columns = calloc(1, sizeof *columns);
    if (columns == NULL)
        return out_of_memory();
    reader->columns = columns;
    columns->key.name = copy_text(reader->format.key_column);
    if (columns->key.name == NULL)
        return out_of_memory();
    int status = check_column(&reader->format, &columns->key);
    if (status == STATUS_DONE)
        status = open_end_column(&reader->format, columns);
    if (status == STATUS_DONE && reader->format.value_columns != NULL)
        status = parse_value_columns(columns, &reader->format);
    columns->row.strict = reader->format.strict;
    return status;
}

void input_csv_close(struct pair_reader *reader)
{
    struct csv_columns *columns = reader->columns;
    if (columns == NULL)
        return;
    for (size_t i = 0; i < columns->value_count; i++)
        free(columns->values[i].name);
    free(columns->values);
    free(columns->key.name);
    free(columns->end.name);
    buffer_free(&columns->value);
    csv_row_free(&columns->row);
    free(columns);
    reader->columns = NULL;
}

/* Read the next row into columns->row. Its text is at input_text(), not yet consumed. */
static int scan_row(struct pair_reader *reader)
{
    struct csv_columns *columns = reader->columns;
    struct input *input = &reader->input;
    reader->line += columns->row.newlines;
    columns->row.newlines = 0;
    int comments = columns->at_end ? INPUT_MORE : pair_reader_skip_comments(reader);
    if (comments == INPUT_FAILED)
        return INPUT_FAILED;
    columns->at_end = columns->at_end || comments == INPUT_END;
    reader->position = input->offset;
    reader->record = NULL;
    csv_row_begin(&columns->row);
    for (;;) {
        size_t available = input_available(input);
        if ((available == 0 && columns->at_end) || input_part_ended(input))
            return INPUT_END;
        const char *problem = "";
        enum csv_scan result = CSV_MORE;
        if (available > 0)
            result = csv_row_scan(&columns->row, reader->format.delimiter, input_text(input),
                                  available, columns->at_end, &problem);
        if (result == CSV_ROW && reader->format.one_line && columns->row.newlines > 1)
            return pair_reader_fail(reader, STATUS_USAGE, "expected a row of one line");
        if (result == CSV_ROW)
            return INPUT_MORE;
        if (result == CSV_NO_MEMORY) {
            reader->status = out_of_memory();
            return INPUT_FAILED;
        }
        if (result == CSV_BAD || available > reader->format.line_max) {
            /* Quotes can't be trusted: the next row begins on the next line. */
            csv_row_begin(&columns->row);
            columns->row.newlines = 1;
            return result == CSV_BAD ? pair_reader_bad(reader, "expected %s", problem)
                                     : pair_reader_too_long(reader, "row");
        }
        int filled = input_fill(input);
        if (filled == INPUT_FAILED)
            return INPUT_FAILED;
        columns->at_end = filled == INPUT_END;
    }
}

/* Read the next row that is not an empty line. */
static int next_row(struct pair_reader *reader)
{
    struct csv_columns *columns = reader->columns;
    for (;;) {
        int result = scan_row(reader);
        if (result != INPUT_MORE || columns->row.length > 0 || columns->row.strict)
            return result;
        input_consume(&reader->input, columns->row.consumed);
    }
}

/* Find a column in the header row. A name in the header takes precedence over a number. */
static int resolve_column(struct pair_reader *reader, struct column *column)
{
    struct csv_columns *columns = reader->columns;
    const struct csv_row *row = &columns->row;
    const char *text = input_text(&reader->input);
    size_t length = strlen(column->name);
    for (size_t i = 0; i < row->count; i++) {
        columns->value.size = 0;
        if (!csv_field_content(&row->fields[i], text, &columns->value)) {
            reader->status = out_of_memory();
            return INPUT_FAILED;
        }
        if (columns->value.size == length &&
            (length == 0 || memcmp(columns->value.data, column->name, length) == 0)) {
            column->index = i;
            return INPUT_MORE;
        }
    }
    if (column_number(column->name, &column->index))
        return INPUT_MORE;
    return pair_reader_fail(reader, STATUS_USAGE, "expected a header with the column %s",
                            excerpt_of(column->name, length).text);
}

int input_csv_begin(struct pair_reader *reader)
{
    struct csv_columns *columns = reader->columns;
    columns->at_end = false;
    columns->row.newlines = 0;
    reader->line = 1;
    int result = input_need(&reader->input, 3);
    if (result == INPUT_FAILED)
        return result;
    const char *text = input_text(&reader->input);
    if (result == INPUT_MORE && utf16_mark(text, 3))
        return pair_reader_fail(reader, STATUS_USAGE, "expected UTF-8, got UTF-16");
    if (result == INPUT_MORE)
        input_consume(&reader->input, utf8_mark(text, 3));
    if (!reader->format.header)
        return INPUT_MORE;

    result = next_row(reader);
    if (result == INPUT_END)
        return INPUT_MORE; /* an empty file: the next read returns INPUT_END again */
    if (result == INPUT_BAD)
        return pair_reader_fail(reader, STATUS_USAGE, "%s", reader->reason);
    if (result != INPUT_MORE)
        return result;
    result = resolve_column(reader, &columns->key);
    columns->end.index = columns->key.index + 1;
    if (result == INPUT_MORE && columns->end.name != NULL)
        result = resolve_column(reader, &columns->end);
    for (size_t i = 0; i < columns->value_count && result == INPUT_MORE; i++)
        result = resolve_column(reader, &columns->values[i]);
    if (result == INPUT_MORE)
        input_consume(&reader->input, columns->row.consumed);
    return result;
}

static int missing_column(struct pair_reader *reader, const struct column *column)
{
    return pair_reader_bad(reader, "expected at least %zu columns, got %zu", column->index + 1,
                           reader->columns->row.count);
}

/* Join the value's columns into a row in columns->value. */
static int join_values(struct pair_reader *reader, const char *text)
{
    struct csv_columns *columns = reader->columns;
    const struct csv_row *row = &columns->row;
    char delimiter = reader->format.delimiter;
    columns->value.size = 0;
    for (size_t i = 0; i < columns->value_count; i++) {
        const struct column *column = &columns->values[i];
        if (column->index >= row->count)
            return missing_column(reader, column);
        if ((i > 0 && !buffer_append(&columns->value, &delimiter, 1)) ||
            !csv_field_encode(&row->fields[column->index], delimiter, text, &columns->value)) {
            reader->status = out_of_memory();
            return INPUT_FAILED;
        }
    }
    return INPUT_MORE;
}

static int parse_keys(struct pair_reader *reader, const char *text)
{
    const struct csv_columns *columns = reader->columns;
    const struct csv_row *row = &columns->row;
    if (columns->key.index >= row->count)
        return missing_column(reader, &columns->key);
    const struct csv_field *key = &row->fields[columns->key.index];
    int result = pair_reader_parse_key(reader, text + key->start, key->end - key->start);
    if (result != INPUT_MORE || !reader->format.ranges || reader->has_last)
        return result;
    if (columns->end.index >= row->count)
        return missing_column(reader, &columns->end);
    key = &row->fields[columns->end.index];
    return pair_reader_parse_last(reader, text + key->start, key->end - key->start);
}

int input_csv_next(struct pair_reader *reader, struct pair *ret_pair)
{
    struct csv_columns *columns = reader->columns;
    const struct csv_row *row = &columns->row;
    int result = next_row(reader);
    if (result != INPUT_MORE)
        return result;
    const char *text = input_text(&reader->input);
    reader->record = text;
    reader->record_size = row->length;
    input_consume(&reader->input, row->consumed);
    result = parse_keys(reader, text);
    if (result == INPUT_MORE && columns->value_count > 0)
        result = join_values(reader, text);
    if (result != INPUT_MORE)
        return result;
    if (columns->value_count > 0)
        *ret_pair = (struct pair){reader->key, columns->value.size ? columns->value.data : "",
                                  columns->value.size};
    else
        *ret_pair = (struct pair){reader->key, text, row->length};
    return INPUT_MORE;
}
