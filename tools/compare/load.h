/* Reports as they are read again, as far as a comparison needs them: docs/report-schema.md. A file
 * may be damaged or made up: whatever is in it is checked. */
#ifndef COMPARE_LOAD_H
#define COMPARE_LOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum loaded_better { BETTER_MORE, BETTER_LESS, BETTER_NEITHER };

struct loaded_row {
    char *key; /* its parameters, in one form */
    json_t *parameters;
    double *samples; /* positive */
    size_t sample_count;
};

struct loaded_series {
    const char *name;
    const char *title;
    const char *main; /* metric */
    const char *unit;
    enum loaded_better better;
    json_t *parameters; /* array of objects with a name */
    struct loaded_row *rows;
    size_t row_count; /* rows without samples are left out */
    json_t *by_key;   /* object: number of the row */
};

struct loaded_report {
    const char *path;
    json_t *root;
    json_t *context;
    bool complete;
    struct loaded_series *series;
    size_t series_count;
};

/* STATUS_DONE, or STATUS_USAGE after saying what is wrong with the file. loaded_free is allowed in
 * any case. */
int loaded_read(struct loaded_report *report, const char *path);
void loaded_free(struct loaded_report *report);

/* NULL: there is none. */
const struct loaded_series *loaded_series_named(const struct loaded_report *report,
                                                const char *name);
const struct loaded_row *loaded_row_of(const struct loaded_series *series, const char *key);

#endif
