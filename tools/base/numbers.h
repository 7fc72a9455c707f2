/* Numbers and sizes: parsed from options, and formatted for people. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parsers return false on a syntax error, trailing characters, or overflow. */

/* Decimal digits only. */
bool parse_number(const char *text, uint64_t *ret_number);

/* Like parse_number, with an optional suffix K, M, G or T (or lower case) for powers of 1024. */
bool parse_size(const char *text, uint64_t *ret_bytes);

/* 1 to 4 octal digits. */
bool parse_octal(const char *text, uint32_t *ret_number);

/* Exactly 2 * size hex digits. */
bool parse_hex(const char *text, unsigned char *ret_bytes, size_t size);

#define NUMBER_TEXT_MAX 32
struct number_text {
    char text[NUMBER_TEXT_MAX];
};

struct number_text human_bytes(double bytes);      /* "512 B", "1.5 GiB" */
struct number_text human_count(double count);      /* "950", "12.3M" */
struct number_text human_duration(double seconds); /* "0:07", "1:02:03" */

/* Seconds on the monotonic clock. */
double seconds_now(void);

#endif
