/*
 * Lines and rows of the input that are not valid. The job stops at the first one, or skips and
 * counts them, and copies them to a file with tab-separated fields:
 *
 *     name of the input | line number | reason | the line as it was
 */
#ifndef REJECTS_H
#define REJECTS_H

#include "text/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rejects_options {
    bool skip;        /* otherwise stop at the first bad line */
    bool quiet;       /* do not report the first bad line */
    const char *path; /* of the file; NULL: none */
    char line_end;    /* of the lines of the file */
    uint64_t max;     /* stop after more bad lines than this */
};

#define REJECTS_OPTIONS_INIT                                                                       \
    {                                                                                              \
        .line_end = '\n', .max = UINT64_MAX                                                        \
    }

struct rejects {
    struct rejects_options options;
    uint64_t count;
    struct output file;
    bool file_is_open;
};

/* Create the file, which must be neither one of the inputs nor the store. Returns STATUS_DONE, or
 * an exit status after reporting. */
int rejects_open(struct rejects *rejects, const struct rejects_options *options,
                 const char *const *inputs, size_t count, const char *store);

/* Count a bad line: begin, any number of parts of the line without its end, end. Returns
 * STATUS_DONE, or the exit status if the job must stop, which was reported. */
void rejects_begin(struct rejects *rejects, const char *name, uint64_t line, const char *reason);
void rejects_part(struct rejects *rejects, const char *part, size_t size);
int rejects_end(struct rejects *rejects);

/* Report the first write error. Returns STATUS_DONE or STATUS_IO. */
int rejects_close(struct rejects *rejects);

#endif
