/* Messages of the command on standard error. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <indexkv.h>
#include <stddef.h>

/* Write one line: "indexkv: " and the text. Control characters are escaped, because the text may
 * contain file names and input. */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Like message, followed by a hint at the command's --help (NULL: `indexkv --help`). Returns
 * STATUS_USAGE. */
int usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What messages and --help call the program; it is "indexkv" at first. Static storage. */
void message_set_program(const char *name);
const char *message_program(void);

/* Report that memory ran out. Returns STATUS_IO. */
int out_of_memory(void);

/* Report a failed library call. Returns the exit status for its code. */
int library_error(const ikv_error *error);

#define EXCERPT_MAX 72

/* The beginning of some input for a message: quoted, and escaped so that NULs are visible. */
struct excerpt {
    char text[EXCERPT_MAX];
};
struct excerpt excerpt_of(const void *text, size_t length);

#endif
