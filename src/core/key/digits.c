#include "core/key/digits.h"

#include "core/base/bytes.h"

enum { GROUP = 8 };
static const uint32_t group_value = 100000000; /* 10^GROUP */
#define ZEROS UINT64_C(0x3030303030303030)

/* value = value * factor + add. False: overflow. */
static bool wide_append(struct ikv_wide *value, uint32_t factor, uint32_t add)
{
    uint64_t part[4] = {value->low & UINT32_MAX, value->low >> 32, value->high & UINT32_MAX,
                        value->high >> 32};
    uint64_t carry = add;

    for (int i = 0; i < 4; i++) {
        part[i] = part[i] * factor + carry;
        carry = part[i] >> 32;
        part[i] &= UINT32_MAX;
    }
    value->low = part[0] | part[1] << 32;
    value->high = part[2] | part[3] << 32;
    return carry == 0;
}

/* value = value / 10^GROUP; returns the remainder. */
static uint32_t wide_divide(struct ikv_wide *value)
{
    uint64_t part[4] = {value->high >> 32, value->high & UINT32_MAX, value->low >> 32,
                        value->low & UINT32_MAX};
    uint64_t rest = 0;

    for (int i = 0; i < 4; i++) {
        const uint64_t now = rest << 32 | part[i];
        part[i] = now / group_value;
        rest = now % group_value;
    }
    value->high = part[0] << 32 | part[1];
    value->low = part[2] << 32 | part[3];
    return (uint32_t)rest;
}

/* Eight characters, the first one in the lowest byte: whether all are digits. */
static bool are_digits(uint64_t text)
{
    const uint64_t tens = UINT64_C(0xf0f0f0f0f0f0f0f0);
    return (text & tens) == ZEROS && ((text + UINT64_C(0x0606060606060606)) & tens) == ZEROS;
}

/* Neighbouring digits are combined to numbers of 2, then 4, then 8 digits. */
static uint32_t group_parse(uint64_t text)
{
    text = (text & UINT64_C(0x0f0f0f0f0f0f0f0f)) * (1 + (10 << 8)) >> 8;
    text = (text & UINT64_C(0x00ff00ff00ff00ff)) * (1 + (100 << 16)) >> 16;
    return (uint32_t)((text & UINT64_C(0x0000ffff0000ffff)) * (1 + (UINT64_C(10000) << 32)) >> 32);
}

/* The reverse: numbers of 4, then 2 digits, then digits. 10486 / 2^20 is 1/100 for numbers below
 * 10^4, 103 / 2^10 is 1/10 for numbers below 100. */
static uint64_t group_format(uint32_t value)
{
    uint64_t text = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t upper = (text * 10486 >> 20) & UINT64_C(0x0000007f0000007f);
    text = upper | (text - upper * 100) << 16;
    upper = (text * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    text = upper | (text - upper * 10) << 8;
    return text | ZEROS;
}

/* The first `count` digits, fewer than a group, of a longer text: leading zeros make it a group. */
static uint64_t head_group(const char *text, size_t count)
{
    const unsigned bits = 8 * (unsigned)count;
    return ikv_load64(text) << (64 - bits) | ZEROS >> bits;
}

bool ikv_digits_parse(const char *text, size_t len, struct ikv_wide *ret_value, bool *ret_fits)
{
    struct ikv_wide value = {0, 0};
    bool fits = true;
    const size_t head = len % GROUP;

    if (head > 0 && len > GROUP) {
        const uint64_t group = head_group(text, head);
        if (!are_digits(group))
            return false;
        value.low = group_parse(group);
    }
    for (size_t i = 0; i < head && len < GROUP; i++) {
        const unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9)
            return false;
        value.low = value.low * 10 + digit;
    }
    for (size_t at = head; at < len; at += GROUP) {
        const uint64_t group = ikv_load64(text + at);
        if (!are_digits(group))
            return false;
        if (at + GROUP <= 19) /* 10^19 < 2^64 */
            value.low = value.low * group_value + group_parse(group);
        else
            fits = wide_append(&value, group_value, group_parse(group)) && fits;
    }
    *ret_value = value;
    *ret_fits = fits;
    return true;
}

char *ikv_digits_format(struct ikv_wide value, char *end)
{
    const char *const last = end - 1;
    char *at = end;

    while (value.high > 0) {
        at -= GROUP;
        ikv_store64(at, group_format(wide_divide(&value)));
    }
    do {
        at -= GROUP;
        ikv_store64(at, group_format((uint32_t)(value.low % group_value)));
        value.low /= group_value;
    } while (value.low > 0);
    while (at < last && *at == '0')
        at++;
    return at;
}
