/*
 * Buffered output to standard output, a file, or memory. The first error is kept: later output is
 * discarded, and output_close reports the error. If the reader of a pipe has closed it, the process
 * ends with SIGPIPE, without a message.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OUTPUT_BUFFER     ((size_t)1 << 20)
#define OUTPUT_MEMORY_MAX ((size_t)16 << 20)

struct output {
    int fd;
    const char *name; /* of the file, for messages; NULL: standard output */
    int error;        /* errno of the first error, or 0 */
    double seconds;   /* spent on writing so far */
    bool terminal;    /* control characters in untrusted bytes are escaped */
    unsigned char *buffer;
    size_t used, capacity;
    bool memory;         /* nothing is written; the buffer grows to OUTPUT_MEMORY_MAX */
    bool full;           /* memory: more was discarded */
    struct buffer *sink; /* what is flushed is appended to it; NULL: written to fd */
};

/* Returns STATUS_DONE, or STATUS_IO after reporting. */
int output_open(struct output *output);

/* Like output_open for an open file. Takes ownership of fd, on failure as well. */
int output_open_file(struct output *output, int fd, const char *name);

/* Output to memory. Returns STATUS_DONE or STATUS_IO, likewise. Free with output_free. */
int output_open_memory(struct output *output);
void output_free(struct output *output);
/* Output of any size that is appended to `sink`. Close with output_close. */
int output_open_sink(struct output *output, struct buffer *sink);

/* Bytes that the buffer has no room for. */
void output_long(struct output *output, const void *bytes, size_t size);

static inline void output_bytes(struct output *output, const void *bytes, size_t size)
{
    if (size > output->capacity - output->used) {
        output_long(output, bytes, size);
        return;
    }
    if (size > 0)
        memcpy(output->buffer + output->used, bytes, size);
    output->used += size;
}

/* Room for `size` more bytes at the end of the buffer. NULL: there is none; use output_bytes. */
static inline unsigned char *output_room(const struct output *output, size_t size)
{
    return size <= output->capacity - output->used ? output->buffer + output->used : NULL;
}

/* The same as output_bytes, but many bytes are written without copying them. */
void output_block(struct output *output, const void *bytes, size_t size);

void output_text(struct output *output, const char *text);
/* Formatted text of up to 511 bytes; longer text is truncated. */
void output_format(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes from a store or the user. On a terminal, control characters are escaped, except for tabs
 * and, with keep_newlines, newlines. */
void output_untrusted(struct output *output, const void *bytes, size_t size, bool keep_newlines);

/* Write the buffered bytes. Returns STATUS_DONE, or STATUS_IO; output_close reports the error. */
int output_flush(struct output *output);

/* Flush, close, and report the first error. Returns STATUS_DONE, STATUS_IO or STATUS_INTERRUPTED.
 */
int output_close(struct output *output);

#endif
