/*
 * Standard output, or a file, buffered and checked. A failure is kept: later output goes nowhere,
 * and output_close reports it. A closed pipe ends the process quietly, as killed by SIGPIPE.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
    int fd;
    const char *name; /* of the file, for messages; NULL: standard output */
    int error;        /* errno of the first failure, 0: none */
    bool terminal;    /* it is shown to somebody: no control bytes from stores */
    unsigned char *buffer;
    size_t used;
};

/* Returns STATUS_DONE, or STATUS_IO after reporting. */
int output_open(struct output *output);

/* A file that was opened for writing; output_close closes it, and so does a failure here. */
int output_open_file(struct output *output, int fd, const char *name);

void output_bytes(struct output *output, const void *bytes, size_t size);
void output_text(struct output *output, const char *text);
/* For short pieces: at most 512 bytes. */
void output_format(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes from a store: if standard output is a terminal, control characters other than tabs (and
 * newlines, if they are to be kept) are escaped. */
void output_untrusted(struct output *output, const void *bytes, size_t size, bool keep_newlines);

/* Hand out what is buffered. Returns STATUS_DONE, or STATUS_IO which output_close will report. */
int output_flush(struct output *output);

/* Flush, close, report. Returns STATUS_DONE, STATUS_IO or STATUS_INTERRUPTED. */
int output_close(struct output *output);

#endif
