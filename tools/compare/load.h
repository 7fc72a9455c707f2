/* Loads the parts of a JSON report (docs/report-schema.md) that a comparison needs. Input files are
 * not trusted: everything is checked. */
#ifndef COMPARE_LOAD_H
#define COMPARE_LOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum loaded_better { BETTER_MORE, BETTER_LESS, BETTER_NEITHER };

struct loaded_row {
    char *key; /* the parameters in canonical form */
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
    json_t *parameters; /* array of objects with names */
    struct loaded_row *rows;
    size_t row_count; /* without rows that have no samples */
    json_t *by_key;   /* object that maps a key to the index of its row */
};

struct loaded_report {
    const char *path;
    json_t *root;
    json_t *context;
    bool complete;
    struct loaded_series *series;
    size_t series_count;
};

/* STATUS_DONE, or STATUS_USAGE after reporting. loaded_free must be called in any case. */
int loaded_read(struct loaded_report *report, const char *path);
void loaded_free(struct loaded_report *report);

/* These return NULL if there is none. */
const struct loaded_series *loaded_series_named(const struct loaded_report *report,
                                                const char *name);
const struct loaded_row *loaded_row_of(const struct loaded_series *series, const char *key);

#endif
