/* What the command says on standard error. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <indexkv.h>
#include <stddef.h>

/* One line: "indexkv: " and the text. Whatever control bytes file names or input bring along are
 * escaped, so that nothing in them acts on a terminal. */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* message, then a line that points to the command's help (NULL: the general one). Returns
 * STATUS_USAGE. */
int usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says that memory ran out. Returns STATUS_IO. */
int out_of_memory(void);

/* The message of a failed library call. Returns the exit status of its code. */
int library_error(const ikv_error *error);

#define EXCERPT_MAX 72

/* The beginning of some input in quotes, for a message; escaped, so that NULs show. */
struct excerpt {
    char text[EXCERPT_MAX];
};
struct excerpt excerpt_of(const void *text, size_t length);

#endif
