#include "text/output.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/signals.h"
#include "base/utf8.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int get_buffer(struct output *output)
{
    output->buffer = malloc(OUTPUT_BUFFER);
    output->capacity = output->buffer != NULL ? OUTPUT_BUFFER : 0;
    return output->buffer != NULL ? STATUS_DONE : out_of_memory();
}

int output_open(struct output *output)
{
    *output = (struct output){.fd = STDOUT_FILENO, .terminal = isatty(STDOUT_FILENO) == 1};
    return get_buffer(output);
}

int output_open_file(struct output *output, int fd, const char *name)
{
    *output = (struct output){.fd = fd, .name = name, .terminal = isatty(fd) == 1};
    int status = get_buffer(output);
    if (status != STATUS_DONE)
        (void)close(fd);
    return status;
}

int output_open_memory(struct output *output)
{
    *output = (struct output){.fd = -1, .memory = true};
    return get_buffer(output);
}

int output_open_sink(struct output *output, struct buffer *sink)
{
    *output = (struct output){.fd = -1, .sink = sink};
    return get_buffer(output);
}

void output_free(struct output *output)
{
    free(output->buffer);
    output->buffer = NULL;
    output->used = output->capacity = 0;
}

static void write_all(struct output *output, const unsigned char *bytes, size_t size)
{
    if (output->sink != NULL) {
        if (!buffer_append(output->sink, bytes, size))
            output->error = ENOMEM;
        return;
    }
    const double start = seconds_now();
    while (size > 0 && output->error == 0) {
        ssize_t written = write(output->fd, bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (errno == EPIPE) {
            signals_reraise(SIGPIPE);
        } else if (errno != EINTR || signals_caught()) {
            output->error = errno;
        }
    }
    output->seconds += seconds_now() - start;
}

int output_flush(struct output *output)
{
    write_all(output, output->buffer, output->used);
    output->used = 0;
    return output->error == 0 ? STATUS_DONE : STATUS_IO;
}

/* Make room for `size` more bytes in memory. */
static bool grow(struct output *output, size_t size)
{
    size_t capacity = output->capacity;
    while (capacity < OUTPUT_MEMORY_MAX && capacity - output->used < size)
        capacity *= 2;
    unsigned char *buffer = NULL;
    if (!output->full && capacity - output->used >= size)
        buffer = realloc(output->buffer, capacity);
    if (buffer == NULL) {
        output->full = true;
        return false;
    }
    output->buffer = buffer;
    output->capacity = capacity;
    return true;
}

void output_long(struct output *output, const void *bytes, size_t size)
{
    if (output->memory) {
        if (grow(output, size))
            output_bytes(output, bytes, size);
        return;
    }
    output_flush(output);
    if (size >= OUTPUT_BUFFER)
        write_all(output, bytes, size);
    else
        output_bytes(output, bytes, size);
}

void output_block(struct output *output, const void *bytes, size_t size)
{
    if (size < OUTPUT_BUFFER / 16) {
        output_bytes(output, bytes, size);
        return;
    }
    output_flush(output);
    write_all(output, bytes, size);
}

void output_text(struct output *output, const char *text)
{
    output_bytes(output, text, strlen(text));
}

void output_format(struct output *output, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
        output_bytes(output, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void output_untrusted(struct output *output, const void *bytes, size_t size, bool keep_newlines)
{
    if (!output->terminal) {
        output_bytes(output, bytes, size);
        return;
    }
    const unsigned char *p = bytes, *end = p + size;
    while (p < end) {
        uint32_t point;
        size_t step = utf8_decode(p, (size_t)(end - p), &point);
        bool plain = step != 0 &&
                     (!utf8_is_control(point) || point == '\t' || (point == '\n' && keep_newlines));
        char escaped[4 * UTF8_ESCAPE_MAX + 1];
        if (plain) {
            output_bytes(output, p, step);
        } else {
            step = step == 0 ? 1 : step;
            output_bytes(output, escaped, utf8_escape(escaped, sizeof escaped, p, step));
        }
        p += step;
    }
}

int output_close(struct output *output)
{
    output_flush(output);
    output_free(output);
    /* Some file systems report a full disk on close only. */
    if (output->sink == NULL && close(output->fd) != 0 && output->error == 0)
        output->error = errno;
    if (output->error == 0)
        return STATUS_DONE;
    if (output->error == EINTR)
        return STATUS_INTERRUPTED;
    message("%s%swrite error: %s", output->name ? output->name : "", output->name ? ": " : "",
            strerror(output->error));
    return STATUS_IO;
}
