/* Keys on their way in and out: as text in some syntax, or as little-endian bytes. */
#ifndef KEYS_H
#define KEYS_H

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>

/* A longer text cannot be a key, whatever its type and syntax. */
#define KEY_TEXT_LONGEST 65536u

/* Between host byte order and little-endian, either way; byte strings stay as they are. */
void key_bytes_convert(ikv_key_type type, void *to, const void *from);

/* Whether keys of this type can be written in this syntax. */
bool key_syntax_fits(ikv_key_type type, ikv_key_syntax syntax);

/* The syntax that a key was written in, as far as AUTO tells: IP, HEX, or AUTO itself. */
ikv_key_syntax key_syntax_of(ikv_key_type type, const char *text, size_t length);

#endif
