/* Helpers for keys in the command's input and output: byte order and key syntax. */
#ifndef KEYS_H
#define KEYS_H

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>

/* Maximum length of a key in text input. No key needs that many characters; the limit allows for
 * leading zeros. */
#define KEY_INPUT_MAX 65536u

/* Convert a key from host byte order to little-endian or back. Byte strings are copied. */
void key_bytes_convert(ikv_key_type type, void *to, const void *from);

/* Remove a byte order mark from the text of a key, if it is the first of its file, and a CR from
 * its end. */
void key_text_trim(ikv_key_type type, ikv_key_syntax syntax, bool first, const char **text,
                   size_t *length);

/* Whether the syntax can express keys of this type. */
bool key_syntax_fits(ikv_key_type type, ikv_key_syntax syntax);

/* The syntax to write related keys in: IP, UUID or HEX if the text of this key is, otherwise AUTO.
 */
ikv_key_syntax key_syntax_of(ikv_key_type type, const char *text, size_t length);

#endif
