/*
 * Text forms of byte strings: hex digits, UUIDs, base64, and the bytes themselves. Parsers write
 * `size` bytes on success only, and return 0 or IKV_E_KEY_SYNTAX. Formatters return the length of
 * the terminated text, or IKV_E_INVALID if the buffer is too small.
 */
#ifndef IKV_BYTE_TEXT_H
#define IKV_BYTE_TEXT_H

#include "indexkv.h"

#include <stdbool.h>
#include <string.h>

static inline int ikv_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static inline bool ikv_has_hex_prefix(const char *text, size_t len)
{
    return len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/* Exactly two digits per byte, optionally after 0x. */
int ikv_hex_parse(const char *text, size_t len, unsigned char *bytes, size_t size);
int ikv_hex_format(const unsigned char *bytes, size_t size, char *buf, size_t buf_size);

#define IKV_UUID_BYTES  16
#define IKV_UUID_LENGTH 36

/* Whether the text has the shape of a UUID, 8-4-4-4-12. */
static inline bool ikv_looks_like_uuid(const char *text, size_t len)
{
    return len == IKV_UUID_LENGTH && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
           text[23] == '-';
}

int ikv_uuid_parse(const char *text, size_t len, unsigned char bytes[IKV_UUID_BYTES]);
int ikv_uuid_format(const unsigned char bytes[IKV_UUID_BYTES], char *buf, size_t buf_size);

/* The alphabet of RFC 4648, when parsing also the one for URLs, and with or without padding. */
int ikv_base64_parse(const char *text, size_t len, unsigned char *bytes, size_t size);
int ikv_base64_format(const unsigned char *bytes, size_t size, char *buf, size_t buf_size);

#endif
