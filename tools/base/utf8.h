/* UTF-8: what is text, and what a terminal may be shown. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that starts at text[0], 1..4, and its code point; 0: none does. */
size_t utf8_decode(const unsigned char *text, size_t length, uint32_t *ret_point);

bool utf8_valid(const void *text, size_t length);

/* Characters that act on a terminal instead of showing: C0, DEL, C1. */
bool utf8_is_control(uint32_t point);

/* Longest form that utf8_escape gives one byte: "\xHH". */
#define UTF8_ESCAPE_MAX 4

/*
 * Copy text so that it is safe to show: control characters and bytes that are not UTF-8 become
 * \n, \r, \t or \xHH. Writes at most `size` bytes including the terminator (size > 0) and stops
 * before a character that does not fit. Returns the length of the copy.
 */
size_t utf8_escape(char *copy, size_t size, const void *text, size_t length);

#endif
