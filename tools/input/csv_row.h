/*
 * A scanner for one CSV row (RFC 4180). Fields that contain the delimiter, quotes or line breaks
 * are enclosed in quotes, and quotes inside them are doubled. Rows end with CR LF or LF. Unless the
 * row is strict, a field that does not begin with a quote may contain quotes, which stand for
 * themselves.
 */
#ifndef CSV_ROW_H
#define CSV_ROW_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_FIELDS_MAX 65536

/* text[start..end) of the row, without the enclosing quotes. */
struct csv_field {
    size_t start, end;
    bool quoted;
};

struct csv_row {
    bool strict;
    struct csv_field *fields;
    size_t count, capacity;
    size_t length;     /* bytes without the line end */
    size_t consumed;   /* bytes with it */
    uint64_t newlines; /* LFs in the consumed bytes */
    int state;         /* of the scanner, which resumes at `position` */
    size_t position;
};

enum csv_scan {
    CSV_ROW,      /* the row is complete */
    CSV_MORE,     /* the text ends before the row does */
    CSV_BAD,      /* not RFC 4180; *ret_problem is what was expected */
    CSV_NO_MEMORY /* out of memory */
};

/* Start a new row. Initialize the struct with {0}. */
void csv_row_begin(struct csv_row *row);

/*
 * Scan the text of a row. After CSV_MORE, call again with the same text and more appended.
 * `at_end`: no more text follows, so the row may lack its line end.
 */
enum csv_scan csv_row_scan(struct csv_row *row, char delimiter, const char *text, size_t length,
                           bool at_end, const char **ret_problem);

/* Append the field's content, unquoted. false: out of memory. */
bool csv_field_content(const struct csv_field *field, const char *text, struct buffer *buffer);

/* Append the field encoded as CSV, quoted only if necessary. false: out of memory. */
bool csv_field_encode(const struct csv_field *field, char delimiter, const char *text,
                      struct buffer *buffer);

void csv_row_free(struct csv_row *row);

#endif
