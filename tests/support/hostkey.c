#include "hostkey.h"

#include "tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ikv_key_type hostkey_types[] = {
    IKV_KEY_U8,        IKV_KEY_U16,       IKV_KEY_U32,        IKV_KEY_U64,       IKV_KEY_U128,
    IKV_KEY_I8,        IKV_KEY_I16,       IKV_KEY_I32,        IKV_KEY_I64,       IKV_KEY_I128,
    IKV_KEY_BYTES(1),  IKV_KEY_BYTES(2),  IKV_KEY_BYTES(3),   IKV_KEY_BYTES(7),  IKV_KEY_BYTES(8),
    IKV_KEY_BYTES(9),  IKV_KEY_BYTES(15), IKV_KEY_BYTES(16),  IKV_KEY_BYTES(17), IKV_KEY_BYTES(20),
    IKV_KEY_BYTES(32), IKV_KEY_BYTES(64), IKV_KEY_BYTES(127), IKV_KEY_BYTES(128)};
const size_t hostkey_type_count = sizeof(hostkey_types) / sizeof(hostkey_types[0]);

size_t hostkey_width(ikv_key_type type)
{
    return type & 0xffu;
}

decoder_kind hostkey_kind(ikv_key_type type)
{
    return (decoder_kind)(type >> 8);
}

decoder_layout hostkey_layout(ikv_key_type type, size_t stride)
{
    decoder_layout layout = {hostkey_kind(type), hostkey_width(type), stride};

    if (stride == 0)
        layout.stride = decoder_stride(layout.kind, layout.key_width);
    return layout;
}

/* ---------------------------------------------------------------- byte orders */

static int host_is_little_endian(void)
{
    const unsigned one = 1;
    unsigned char first;

    memcpy(&first, &one, 1);
    return first == 1;
}

static void reverse(unsigned char *bytes, size_t width)
{
    for (size_t i = 0; i < width / 2; i++) {
        unsigned char byte = bytes[i];

        bytes[i] = bytes[width - 1 - i];
        bytes[width - 1 - i] = byte;
    }
}

void hostkey_to_ordered(ikv_key_type type, const void *key, unsigned char *ret_ordered)
{
    size_t width = hostkey_width(type);

    memcpy(ret_ordered, key, width);
    if (hostkey_kind(type) == DECODER_BYTES)
        return;
    if (host_is_little_endian())
        reverse(ret_ordered, width);
    if (hostkey_kind(type) == DECODER_SIGNED)
        ret_ordered[0] = (unsigned char)(ret_ordered[0] ^ 0x80u);
}

void hostkey_from_ordered(ikv_key_type type, const unsigned char *ordered, void *ret_key)
{
    size_t width = hostkey_width(type);
    unsigned char bytes[IKV_KEY_WIDTH_MAX];

    memcpy(bytes, ordered, width);
    if (hostkey_kind(type) == DECODER_SIGNED)
        bytes[0] = (unsigned char)(bytes[0] ^ 0x80u);
    if (hostkey_kind(type) != DECODER_BYTES && host_is_little_endian())
        reverse(bytes, width);
    memcpy(ret_key, bytes, width);
}

void hostkey_to_file(ikv_key_type type, const void *key, unsigned char *ret_bytes)
{
    memcpy(ret_bytes, key, hostkey_width(type));
    if (hostkey_kind(type) != DECODER_BYTES && !host_is_little_endian())
        reverse(ret_bytes, hostkey_width(type));
}

void hostkey_from_file(ikv_key_type type, const unsigned char *bytes, void *ret_key)
{
    /* Reversal is its own inverse. */
    hostkey_to_file(type, bytes, ret_key);
}

/* ---------------------------------------------------------------- order */

int hostkey_compare(ikv_key_type type, const void *a, const void *b)
{
    unsigned char ordered_a[IKV_KEY_WIDTH_MAX];
    unsigned char ordered_b[IKV_KEY_WIDTH_MAX];

    hostkey_to_ordered(type, a, ordered_a);
    hostkey_to_ordered(type, b, ordered_b);
    return memcmp(ordered_a, ordered_b, hostkey_width(type));
}

void hostkey_least(ikv_key_type type, void *ret_key)
{
    unsigned char ordered[IKV_KEY_WIDTH_MAX];

    memset(ordered, 0x00, sizeof(ordered));
    hostkey_from_ordered(type, ordered, ret_key);
}

void hostkey_greatest(ikv_key_type type, void *ret_key)
{
    unsigned char ordered[IKV_KEY_WIDTH_MAX];

    memset(ordered, 0xff, sizeof(ordered));
    hostkey_from_ordered(type, ordered, ret_key);
}

/* Count by one: bytes equal to `limit` wrap around and carry into the next. */
static int count(ikv_key_type type, void *key, unsigned char limit, unsigned char step)
{
    unsigned char ordered[IKV_KEY_WIDTH_MAX];
    size_t i = hostkey_width(type);

    hostkey_to_ordered(type, key, ordered);
    while (i > 0 && ordered[i - 1] == limit)
        ordered[--i] = (unsigned char)~limit;
    if (i == 0)
        return 0;
    ordered[i - 1] = (unsigned char)(ordered[i - 1] + step);
    hostkey_from_ordered(type, ordered, key);
    return 1;
}

int hostkey_next(ikv_key_type type, void *key)
{
    return count(type, key, 0xff, 1);
}

int hostkey_previous(ikv_key_type type, void *key)
{
    return count(type, key, 0x00, 0xff);
}

void hostkey_nth(ikv_key_type type, uint64_t number, void *ret_key)
{
    unsigned char ordered[IKV_KEY_WIDTH_MAX] = {0};
    size_t width = hostkey_width(type);

    for (size_t i = width; i > 0 && number > 0; i--) {
        ordered[i - 1] = (unsigned char)(number & 0xff);
        number >>= 8;
    }
    hostkey_from_ordered(type, ordered, ret_key);
}

/* ---------------------------------------------------------------- text */

/* number = number * 10 + digit, `width` bytes, most significant first. Returns -1 on overflow. */
static int append_digit(unsigned char *number, size_t width, unsigned digit)
{
    unsigned carry = digit;

    for (size_t i = width; i > 0; i--) {
        carry += number[i - 1] * 10u;
        number[i - 1] = (unsigned char)(carry & 0xff);
        carry >>= 8;
    }
    return carry == 0 ? 0 : -1;
}

static void negate(unsigned char *number, size_t width)
{
    unsigned carry = 1;

    for (size_t i = width; i > 0; i--) {
        carry += (unsigned char)~number[i - 1];
        number[i - 1] = (unsigned char)(carry & 0xff);
        carry >>= 8;
    }
}

int hostkey_from_decimal(ikv_key_type type, const char *text, void *ret_key)
{
    size_t width = hostkey_width(type);
    int is_signed = hostkey_kind(type) == DECODER_SIGNED;
    int is_negative = *text == '-';
    unsigned char number[16] = {0};

    text += is_negative;
    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++)
        if (*text < '0' || *text > '9' || append_digit(number, width, (unsigned)(*text - '0')) != 0)
            return -1;
    if (is_negative)
        negate(number, width);
    if (is_signed) {
        /* In range if the sign bit is right. 0 has no sign. */
        static const unsigned char zero[16] = {0};

        if (memcmp(number, zero, width) != 0 && (number[0] >= 0x80) != is_negative)
            return -1;
        number[0] = (unsigned char)(number[0] ^ 0x80u);
    } else if (is_negative) {
        return -1;
    }
    hostkey_from_ordered(type, number, ret_key);
    return 0;
}

/* number = number / 10. Returns the remainder. */
static unsigned cut_digit(unsigned char *number, size_t width)
{
    unsigned rest = 0;

    for (size_t i = 0; i < width; i++) {
        rest = rest << 8 | number[i];
        number[i] = (unsigned char)(rest / 10);
        rest %= 10;
    }
    return rest;
}

void hostkey_to_decimal(ikv_key_type type, const void *key, char *ret_text)
{
    size_t width = hostkey_width(type);
    unsigned char number[16];
    char digits[HOSTKEY_DECIMAL_MAX];
    size_t length = 0;

    if (hostkey_kind(type) == DECODER_BYTES)
        test_die("byte strings have no decimal form");
    hostkey_to_ordered(type, key, number);
    if (hostkey_kind(type) == DECODER_SIGNED) {
        number[0] = (unsigned char)(number[0] ^ 0x80u);
        if (number[0] >= 0x80) {
            *ret_text++ = '-';
            negate(number, width);
        }
    }
    /* 10^39 > 2^128, so 39 digits are enough. */
    for (size_t i = 0; i < 39; i++)
        digits[length++] = (char)('0' + cut_digit(number, width));
    while (length > 1 && digits[length - 1] == '0')
        length--;
    while (length > 0)
        *ret_text++ = digits[--length];
    *ret_text = '\0';
}

const char *hostkey_name(ikv_key_type type, char *buf)
{
    unsigned width = (unsigned)hostkey_width(type);

    if (hostkey_kind(type) == DECODER_BYTES)
        snprintf(buf, HOSTKEY_NAME_MAX, "bytes%u", width);
    else
        snprintf(buf, HOSTKEY_NAME_MAX, "%c%u", hostkey_kind(type) == DECODER_SIGNED ? 'i' : 'u',
                 width * 8);
    return buf;
}

ikv_key_type hostkey_type_from_name(const char *name)
{
    char buf[HOSTKEY_NAME_MAX];

    for (size_t i = 0; i < hostkey_type_count; i++)
        if (strcmp(hostkey_name(hostkey_types[i], buf), name) == 0)
            return hostkey_types[i];
    test_die("unknown key type: %s", name);
}
