/*
 * A scanner for one JSON object (RFC 8259), as in JSON Lines. It finds members of the object, and
 * leaves their values as they are: numbers keep all their digits.
 */
#ifndef JSON_LINE_H
#define JSON_LINE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 512

/* A member to look for, and its value: text[0..length), without quotes if it is a string. */
struct json_wanted {
    const char *name; /* NULL: none */
    const char *text; /* NULL: the object has no such member */
    size_t length;
    bool is_string;
};

/* Find members. Returns NULL, or what was expected in the text. `scratch` is for names. */
const char *json_object_find(const char *text, size_t length, struct json_wanted *wanted,
                             size_t count, struct buffer *scratch);

enum json_result { JSON_DONE, JSON_BAD, JSON_NO_MEMORY };

/* Append the content of a string that json_object_find found. JSON_BAD: half a surrogate pair. */
enum json_result json_string_append(struct buffer *buffer, const char *text, size_t length);

/* Append the bytes of a string in base64, with padding. */
enum json_result json_base64_append(struct buffer *buffer, const char *text, size_t length);

#endif
