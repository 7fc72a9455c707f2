/* Escapes for text in lines and fields: \n, \t, \r and \\ (backslash). */
#ifndef ESCAPE_H
#define ESCAPE_H

#include "base/buffer.h"
#include "text/output.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the text contains a tab or a line break (LF or CR), which end a field or a line. */
bool text_breaks_line(const void *text, size_t size);

/* Copy the text. False: it contains no byte below 0x20. */
bool text_copy(void *to, const void *text, size_t size);

void escape_write(struct output *output, const void *text, size_t size);

enum unescape_result { UNESCAPE_DONE, UNESCAPE_BAD, UNESCAPE_NO_MEMORY };

/* Append the text with its escapes undone. UNESCAPE_BAD: a backslash is not followed by n, t, r or
 * a backslash. */
enum unescape_result unescape_append(struct buffer *buffer, const char *text, size_t size);

#endif
