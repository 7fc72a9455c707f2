#include "base/message.h"

#include "base/exit_status.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room for a path of PATH_MAX bytes and a message about it. */
#define LINE_MAX_BYTES 8192

/* Set once, before there are threads. */
static const char *program = "indexkv";

void message_set_program(const char *name)
{
    program = name;
}

const char *message_program(void)
{
    return program;
}

/* A single write, so that lines of concurrent processes do not interleave. Errors are ignored:
 * there is nowhere to report them. */
static void write_line(const char *line, size_t length)
{
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

/* The cursor may be at the start of a progress line (see progress.c). Erase the part of it that the
 * message does not overwrite. */
static const char *line_end(void)
{
    const char *terminal = getenv("TERM");
    if (terminal == NULL || strcmp(terminal, "dumb") == 0 || !isatty(STDERR_FILENO))
        return "\n";
    return "\033[K\n";
}

static void write_message(const char *format, va_list arguments)
{
    char text[LINE_MAX_BYTES];
    char line[LINE_MAX_BYTES + 32];
    (void)snprintf(line, sizeof line, "%.16s: ", program);
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0)
        return;
    size_t used = strlen(line);
    used += utf8_escape(line + used, LINE_MAX_BYTES - used, text, strlen(text));
    used += (size_t)snprintf(line + used, sizeof line - used, "%s", line_end());
    write_line(line, used);
}

void message(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_message(format, arguments);
    va_end(arguments);
}

int usage_error(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_message(format, arguments);
    va_end(arguments);

    char line[128];
    int length = snprintf(line, sizeof line, "Try '%.16s %s%s--help'.\n", program,
                          command ? command : "", command ? " " : "");
    write_line(line, (size_t)length);
    return STATUS_USAGE;
}

int out_of_memory(void)
{
    message("out of memory");
    return STATUS_IO;
}

int library_error(const ikv_error *error)
{
    /* All commands that can have duplicates have this option. */
    message("%s%s", error->message[0] ? error->message : ikv_strerror(error->code),
            error->code == IKV_E_DUPLICATE ? "; see --on-duplicate" : "");
    return exit_status_of(error->code);
}

struct excerpt excerpt_of(const void *text, size_t length)
{
    const size_t shown = 48;
    struct excerpt excerpt;
    size_t used = 0;
    excerpt.text[used++] = '\'';
    size_t part = length < shown ? length : shown;
    char escaped[UTF8_ESCAPE_MAX * 48 + 1];
    size_t escaped_length = utf8_escape(escaped, sizeof escaped, text, part);
    size_t room = sizeof excerpt.text - used - sizeof "...'";
    int cut = length > shown || escaped_length > room;
    if (escaped_length > room) {
        escaped_length = room;
        /* Do not cut a multi-byte character in half. */
        while (escaped_length > 0 && ((unsigned char)escaped[escaped_length] & 0xc0) == 0x80)
            escaped_length--;
    }
    memcpy(excerpt.text + used, escaped, escaped_length);
    used += escaped_length;
    snprintf(excerpt.text + used, sizeof excerpt.text - used, "%s'", cut ? "..." : "");
    return excerpt;
}
