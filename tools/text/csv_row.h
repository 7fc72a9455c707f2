/*
 * One row of CSV (RFC 4180): fields separated by a delimiter, quoted with "..." when they hold the
 * delimiter, quotes (written twice) or line ends; rows end with CR LF or LF.
 */
#ifndef CSV_ROW_H
#define CSV_ROW_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_FIELDS_MAX 65536

/* text[start..end) of the row; of a quoted field what is between the quotes. */
struct csv_field {
    size_t start, end;
    bool quoted;
};

struct csv_row {
    struct csv_field *fields;
    size_t count, capacity;
    size_t length;     /* bytes without the line end */
    size_t consumed;   /* bytes with it */
    uint64_t newlines; /* LFs among them, that of the line end included */
    int state;         /* of the scanner, so that it can go on when more text has arrived */
    size_t position;
};

enum csv_scan {
    CSV_ROW,      /* the row is complete */
    CSV_MORE,     /* its end is not in the text yet */
    CSV_BAD,      /* not RFC 4180; *ret_problem says why */
    CSV_NO_MEMORY /* out of memory */
};

/* Forget the last row (initialise with {0}). */
void csv_row_begin(struct csv_row *row);

/*
 * Scan the text of a row. After CSV_MORE call again with the same text, more following it.
 * `at_end`: nothing follows, the row may lack its line end.
 */
enum csv_scan csv_row_scan(struct csv_row *row, char delimiter, const char *text, size_t length,
                           bool at_end, const char **ret_problem);

/* Append a field's content, with its quotes undone. false: out of memory. */
bool csv_field_content(const struct csv_field *field, const char *text, struct buffer *buffer);

/* Append the field as a field of another row: quoted only if it has to be. */
bool csv_field_encode(const struct csv_field *field, char delimiter, const char *text,
                      struct buffer *buffer);

void csv_row_free(struct csv_row *row);

#endif
