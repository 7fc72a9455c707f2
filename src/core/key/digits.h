/* Numbers of up to 128 bits and their decimal digits, 8 digits at a time. */
#ifndef IKV_DIGITS_H
#define IKV_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Compilers for 32-bit machines have no integer of 128 bits. */
struct ikv_wide {
    uint64_t high;
    uint64_t low;
};

enum { IKV_DIGITS_MAX = 40 }; /* 39 digits, rounded up to whole groups of 8 */

/* False: a byte is not a digit. Otherwise *ret_fits says whether the value fits 128 bits. */
bool ikv_digits_parse(const char *text, size_t len, struct ikv_wide *ret_value, bool *ret_fits);

/* Write the digits, without leading zeros, to the bytes before `end`. Returns the first one.
 * IKV_DIGITS_MAX bytes before `end` may be overwritten. */
char *ikv_digits_format(struct ikv_wide value, char *end);

#endif
