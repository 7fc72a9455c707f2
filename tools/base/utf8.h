/* UTF-8: validation, and escaping for terminals. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decode the character at text[0]. Returns its length in bytes, 1 to 4; 0 if it is invalid. */
size_t utf8_decode(const unsigned char *text, size_t length, uint32_t *ret_point);

bool utf8_valid(const void *text, size_t length);

/* The length of the UTF-8 byte order mark at the beginning of a text: 3, or 0 if there is none. */
size_t utf8_mark(const char *text, size_t length);

/* Whether the text begins with a byte order mark of UTF-16. */
bool utf16_mark(const char *text, size_t length);

/* Control characters: C0, DEL and C1. */
bool utf8_is_control(uint32_t point);

/* Longest escape of one byte: "\xHH". */
#define UTF8_ESCAPE_MAX 4

/*
 * Copy text with control characters and invalid UTF-8 replaced by \n, \r, \t or \xHH. Writes at
 * most `size` bytes including the terminator (size > 0) and stops before a character that does not
 * fit. Returns the length of the copy.
 */
size_t utf8_escape(char *copy, size_t size, const void *text, size_t length);

#endif
