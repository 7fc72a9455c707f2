#include "input/csv_row.h"

#include <stdlib.h>
#include <string.h>

enum state {
    FIELD_START,
    UNQUOTED,        /* inside an unquoted field */
    QUOTED,          /* inside a quoted field */
    QUOTE_IN_QUOTED, /* after a quote in one: the first of a pair, or the closing quote */
    CARRIAGE_RETURN  /* after a CR, which must be followed by LF */
};

void csv_row_begin(struct csv_row *row)
{
    row->count = 0;
    row->newlines = 0;
    row->state = FIELD_START;
    row->position = 0;
}

void csv_row_free(struct csv_row *row)
{
    free(row->fields);
    *row = (struct csv_row){0};
}

/* Start a field at row->position. */
static enum csv_scan add_field(struct csv_row *row, bool quoted, const char **ret_problem)
{
    if (row->count == CSV_FIELDS_MAX) {
        *ret_problem = "at most 65536 columns";
        return CSV_BAD;
    }
    if (row->count == row->capacity) {
        size_t capacity = row->capacity == 0 ? 32 : row->capacity * 2;
        struct csv_field *fields = realloc(row->fields, capacity * sizeof *fields);
        if (fields == NULL)
            return CSV_NO_MEMORY;
        row->fields = fields;
        row->capacity = capacity;
    }
    size_t start = row->position + (quoted ? 1 : 0);
    row->fields[row->count++] = (struct csv_field){start, start, quoted};
    return CSV_ROW;
}

static enum csv_scan finish_row(struct csv_row *row, size_t length, size_t consumed)
{
    row->length = length;
    row->consumed = consumed;
    return CSV_ROW;
}

/* Finish the last row at the end of the text, if the state allows it. */
static enum csv_scan finish_text(struct csv_row *row, const char **ret_problem)
{
    size_t end = row->position;
    switch ((enum state)row->state) {
    case QUOTED:
        *ret_problem = "a closing quote before the end of the file";
        return CSV_BAD;
    case FIELD_START: {
        enum csv_scan result = add_field(row, false, ret_problem);
        return result == CSV_ROW ? finish_row(row, end, end) : result;
    }
    case UNQUOTED:
        row->fields[row->count - 1].end = end;
        return finish_row(row, end, end);
    case QUOTE_IN_QUOTED:
        row->fields[row->count - 1].end = end - 1;
        return finish_row(row, end, end);
    case CARRIAGE_RETURN:
        break;
    }
    return finish_row(row, end - 1, end);
}

enum csv_scan csv_row_scan(struct csv_row *row, char delimiter, const char *text, size_t length,
                           bool at_end, const char **ret_problem)
{
    int state = row->state;
    size_t i = row->position;
    for (; i < length; i++) {
        char c = text[i];
        switch ((enum state)state) {
        case FIELD_START: {
            row->position = i;
            enum csv_scan result = add_field(row, c == '"', ret_problem);
            if (result != CSV_ROW)
                return result;
            state = c == '"' ? QUOTED : UNQUOTED;
            if (c == '"')
                continue;
        }
        /* fall through */
        case UNQUOTED:
            if (c != delimiter && c != '\n' && c != '\r' && (c != '"' || !row->strict))
                continue;
            row->fields[row->count - 1].end = i;
            if (c == '"') {
                *ret_problem = "no quote inside a field that does not begin with one";
                return CSV_BAD;
            }
            break;
        case QUOTED:
            row->newlines += c == '\n';
            if (c == '"')
                state = QUOTE_IN_QUOTED;
            continue;
        case QUOTE_IN_QUOTED:
            if (c == '"') {
                state = QUOTED;
                continue;
            }
            row->fields[row->count - 1].end = i - 1;
            if (c != delimiter && c != '\n' && c != '\r') {
                *ret_problem = "a delimiter or the end of the line after a closing quote";
                return CSV_BAD;
            }
            break;
        case CARRIAGE_RETURN:
            if (c != '\n') {
                *ret_problem = "LF after CR";
                return CSV_BAD;
            }
            row->newlines++;
            return finish_row(row, i - 1, i + 1);
        }
        if (c == '\n') {
            row->newlines++;
            return finish_row(row, i, i + 1);
        }
        state = c == '\r' ? CARRIAGE_RETURN : FIELD_START;
    }
    row->state = state;
    row->position = i;
    return at_end ? finish_text(row, ret_problem) : CSV_MORE;
}

bool csv_field_content(const struct csv_field *field, const char *text, struct buffer *buffer)
{
    const char *p = text + field->start, *end = text + field->end;
    while (field->quoted && p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (quote == NULL)
            break;
        if (!buffer_append(buffer, p, (size_t)(quote + 1 - p)))
            return false;
        p = quote + 2;
    }
    return p >= end || buffer_append(buffer, p, (size_t)(end - p));
}

/* Enclose a field in quotes, and double those inside it. */
static bool quote_field(const char *content, size_t length, struct buffer *buffer)
{
    bool done = buffer_append(buffer, "\"", 1);
    for (size_t i = 0; i < length && done; i++)
        done = (content[i] != '"' || buffer_append(buffer, "\"", 1)) &&
               buffer_append(buffer, content + i, 1);
    return done && buffer_append(buffer, "\"", 1);
}

bool csv_field_encode(const struct csv_field *field, char delimiter, const char *text,
                      struct buffer *buffer)
{
    size_t length = field->end - field->start;
    const char *content = text + field->start;
    if (!field->quoted)
        return memchr(content, '"', length) == NULL ? buffer_append(buffer, content, length)
                                                    : quote_field(content, length, buffer);
    for (size_t i = 0; i < length; i++) {
        char c = content[i];
        if (c == delimiter || c == '"' || c == '\n' || c == '\r')
            return buffer_append(buffer, content - 1, length + 2);
    }
    return buffer_append(buffer, content, length);
}
