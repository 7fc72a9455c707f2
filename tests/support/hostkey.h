/*
 * Operations on keys in host byte order, independent of the library: order, neighbours, decimal
 * text, conversion to file byte order.
 *
 * They use the ordered form of a key: `width` bytes, most significant first, with the sign bit of
 * signed keys inverted. memcmp orders such keys, and adding one gives the next key.
 */
#ifndef TEST_HOSTKEY_H
#define TEST_HOSTKEY_H

#include "indexkv.h"

#include "decoder.h"

#include <stddef.h>

/* All integer types, and byte strings of widths on both sides of each alignment. */
extern const ikv_key_type hostkey_types[];
extern const size_t hostkey_type_count;
/* The ten integer types come first in hostkey_types. */
#define HOSTKEY_INTEGER_TYPES 10

size_t hostkey_width(ikv_key_type type);
decoder_kind hostkey_kind(ikv_key_type type);
/* Layout of a file with these keys. stride 0: the default. */
decoder_layout hostkey_layout(ikv_key_type type, size_t stride);

void hostkey_to_ordered(ikv_key_type type, const void *key, unsigned char *ret_ordered);
void hostkey_from_ordered(ikv_key_type type, const unsigned char *ordered, void *ret_key);
/* Convert between host byte order and the bytes of an index entry. */
void hostkey_to_file(ikv_key_type type, const void *key, unsigned char *ret_bytes);
void hostkey_from_file(ikv_key_type type, const unsigned char *bytes, void *ret_key);

int hostkey_compare(ikv_key_type type, const void *a, const void *b);
void hostkey_least(ikv_key_type type, void *ret_key);
void hostkey_greatest(ikv_key_type type, void *ret_key);
/* Step to the next greater or smaller key. Return 0, without a change, if there is none. */
int hostkey_next(ikv_key_type type, void *key);
int hostkey_previous(ikv_key_type type, void *key);
/* The least key plus `number`, modulo the number of keys. */
void hostkey_nth(ikv_key_type type, uint64_t number, void *ret_key);

/* Integers only: an optional '-' and digits. Returns -1 on other text and out of range. */
int hostkey_from_decimal(ikv_key_type type, const char *text, void *ret_key);
#define HOSTKEY_DECIMAL_MAX 48
void hostkey_to_decimal(ikv_key_type type, const void *key, char *ret_text);

/* "u8" ... "i128", "bytes20": for messages and file names. */
#define HOSTKEY_NAME_MAX 16
const char *hostkey_name(ikv_key_type type, char *buf);
ikv_key_type hostkey_type_from_name(const char *name);

#endif
