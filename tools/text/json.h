/* Write JSON strings and object members. */
#ifndef JSON_H
#define JSON_H

#include "text/output.h"

#include <indexkv.h>
#include <stddef.h>

/* Write a string literal. The text must be UTF-8; control characters are escaped. */
void json_string_literal(struct output *output, const void *text, size_t length);

/* "name":"text", or "name_base64":"..." if the bytes are not UTF-8. */
void json_bytes_member(struct output *output, const char *name, const void *bytes, size_t size);
void json_text_member(struct output *output, const char *name, const char *text);

/* "name":"key", with the key as text. */
void json_key_member(struct output *output, const char *name, ikv_key_type type,
                     ikv_key_syntax syntax, const void *key);

#endif
