/* Text forms of keys and key types. */
#include "core/base/error.h"
#include "core/key/byte_text.h"
#include "core/key/digits.h"
#include "core/key/key.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct ikv_wide wide_negate(struct ikv_wide value)
{
    struct ikv_wide result = {~value.high, ~value.low + 1};
    if (result.low == 0)
        result.high++;
    return result;
}

/* ---------------------------------------------------------------- key types */

int ikv_key_type_parse(const char *name, ikv_key_type *ret_type)
{
    ikv_key_type type = 0;
    struct ikv_key_info key;
    char canonical[16];

    if (!name || !ret_type)
        return IKV_E_INVALID;
    if (strncmp(name, "bytes", 5) == 0 && name[5] >= '1' && name[5] <= '9' && strlen(name) <= 8) {
        unsigned long width = strtoul(name + 5, NULL, 10);
        if (width <= IKV_KEY_WIDTH_MAX)
            type = IKV_KEY_BYTES(width);
    } else if ((name[0] == 'u' || name[0] == 'i') && name[1] >= '1' && name[1] <= '9' &&
               strlen(name) <= 4) {
        unsigned long bits = strtoul(name + 1, NULL, 10);
        if (bits % 8 == 0)
            type = name[0] == 'u' ? IKV_KEY_UNSIGNED_(bits / 8) : IKV_KEY_SIGNED_(bits / 8);
    }
    /* Only the canonical spelling is accepted. */
    if (!ikv_key_describe(type, &key) ||
        strcmp(ikv_key_type_name(type, canonical, sizeof canonical), name) != 0)
        return IKV_E_INVALID;
    *ret_type = type;
    return 0;
}

const char *ikv_key_type_name(ikv_key_type type, char *buf, size_t size)
{
    struct ikv_key_info key;

    if (!ikv_key_describe(type, &key))
        (void)snprintf(buf, size, "?");
    else if (key.kind == IKV_KIND_BYTES)
        (void)snprintf(buf, size, "bytes%u", key.width);
    else
        (void)snprintf(buf, size, "%c%u", key.kind == IKV_KIND_SIGNED ? 'i' : 'u', key.width * 8);
    return buf;
}

/* ---------------------------------------------------------------- parsing */

/* Convert to the stored form. IKV_E_KEY_RANGE: the number does not fit the type. */
static int store_number(const struct ikv_key_info *key, bool negative, struct ikv_wide value,
                        void *stored)
{
    const bool is_signed = key->kind == IKV_KIND_SIGNED;
    const unsigned bits = key->width * 8 - (is_signed ? 1 : 0); /* of the maximum */
    struct ikv_wide limit = {bits > 64 ? UINT64_MAX >> (128 - bits) : 0,
                             bits >= 64 ? UINT64_MAX : UINT64_MAX >> (64 - bits)};

    if (negative) {
        if (!is_signed) {
            limit = (struct ikv_wide){0, 0}; /* -0 is 0 */
        } else if (++limit.low == 0) {
            limit.high++;
        }
    }
    if (value.high > limit.high || (value.high == limit.high && value.low > limit.low))
        return IKV_E_KEY_RANGE;
    if (negative)
        value = wide_negate(value);

    unsigned char bytes[16];
    ikv_store64(bytes, value.low);
    ikv_store64(bytes + 8, value.high);
    memcpy(stored, bytes, key->width);
    return 0;
}

/* False: a byte is not a hexadecimal digit. */
static bool parse_hex(const char *text, size_t len, struct ikv_wide *ret_value, bool *ret_fits)
{
    struct ikv_wide value = {0, 0};

    *ret_fits = true;
    for (size_t i = 0; i < len; i++) {
        const int digit = ikv_hex_digit(text[i]);
        if (digit < 0)
            return false;
        if (value.high >> 60)
            *ret_fits = false;
        value.high = value.high << 4 | value.low >> 60;
        value.low = value.low << 4 | (unsigned)digit;
    }
    *ret_value = value;
    return true;
}

static int parse_number(const struct ikv_key_info *key, ikv_key_syntax syntax, const char *text,
                        size_t len, void *stored)
{
    bool negative = false, fits = true;
    bool hex = syntax == IKV_SYNTAX_HEX;
    struct ikv_wide value = {0, 0};

    if (len && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text++;
        len--;
    }
    if (syntax != IKV_SYNTAX_DEC && ikv_has_hex_prefix(text, len)) {
        hex = true;
        text += 2;
        len -= 2;
    }
    if (len == 0)
        return IKV_E_KEY_SYNTAX;
    if (hex ? !parse_hex(text, len, &value, &fits) : !ikv_digits_parse(text, len, &value, &fits))
        return IKV_E_KEY_SYNTAX;
    return fits ? store_number(key, negative, value, stored) : IKV_E_KEY_RANGE;
}

static bool is_ip_type(const struct ikv_key_info *key)
{
    return key->kind == IKV_KIND_UNSIGNED && (key->width == 4 || key->width == 16);
}

static bool is_uuid_type(const struct ikv_key_info *key)
{
    return key->width == IKV_UUID_BYTES && key->kind != IKV_KIND_SIGNED;
}

/* An IPv4 address as IPv6: ::ffff:a.b.c.d */
static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Bytes of an address, or of a UUID, are a number with the most significant byte first. */
static void reverse(const unsigned char *from, unsigned char *to, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        to[i] = from[size - 1 - i];
}

/* Like inet_pton, for text without a terminator: four numbers up to 255, without leading zeros. */
static bool parse_ipv4(const char *text, size_t len, unsigned char network[4])
{
    const char *const end = text + len;

    for (unsigned i = 0; i < 4; i++) {
        if (i > 0 && (text == end || *text++ != '.'))
            return false;
        const char *const first = text;
        unsigned number = 0;
        for (; text < end && text - first < 3 && *text >= '0' && *text <= '9'; text++)
            number = number * 10 + (unsigned)(*text - '0');
        if (text == first || number > 255 || (*first == '0' && text - first > 1))
            return false;
        network[i] = (unsigned char)number;
    }
    return text == end;
}

static int parse_ip(const struct ikv_key_info *key, const char *text, size_t len, void *stored)
{
    char terminated[INET6_ADDRSTRLEN + 1];
    unsigned char network[16];

    if (len == 0 || len >= sizeof terminated)
        return IKV_E_KEY_SYNTAX;
    if (parse_ipv4(text, len, network + sizeof mapped_prefix)) {
        memcpy(network, mapped_prefix, sizeof mapped_prefix);
    } else {
        if (memchr(text, 0, len))
            return IKV_E_KEY_SYNTAX;
        memcpy(terminated, text, len);
        terminated[len] = 0;
        if (inet_pton(AF_INET6, terminated, network) != 1)
            return IKV_E_KEY_SYNTAX;
    }
    if (key->width == 4 && memcmp(network, mapped_prefix, sizeof mapped_prefix) != 0)
        return IKV_E_KEY_RANGE;
    reverse(network + sizeof network - key->width, stored, key->width);
    return 0;
}

static int parse_uuid(const struct ikv_key_info *key, const char *text, size_t len, void *stored)
{
    unsigned char bytes[IKV_UUID_BYTES];
    int code = ikv_uuid_parse(text, len, bytes);

    if (code == 0 && key->kind == IKV_KIND_BYTES)
        memcpy(stored, bytes, sizeof bytes);
    else if (code == 0)
        reverse(bytes, stored, sizeof bytes);
    return code;
}

static int parse_auto(const struct ikv_key_info *key, const char *text, size_t len, void *stored)
{
    if (is_uuid_type(key) && ikv_looks_like_uuid(text, len))
        return parse_uuid(key, text, len, stored);
    if (key->kind == IKV_KIND_BYTES)
        return ikv_hex_parse(text, len, stored, key->width);
    if (is_ip_type(key) && (memchr(text, '.', len) || memchr(text, ':', len)))
        return parse_ip(key, text, len, stored);
    return parse_number(key, IKV_SYNTAX_AUTO, text, len, stored);
}

static int parse_stored(const struct ikv_key_info *key, ikv_key_syntax syntax, const char *text,
                        size_t len, void *stored)
{
    const bool bytes = key->kind == IKV_KIND_BYTES;

    switch (syntax) {
    case IKV_SYNTAX_AUTO:
        return parse_auto(key, text, len, stored);
    case IKV_SYNTAX_IP:
        return is_ip_type(key) ? parse_ip(key, text, len, stored) : IKV_E_INVALID;
    case IKV_SYNTAX_UUID:
        return is_uuid_type(key) ? parse_uuid(key, text, len, stored) : IKV_E_INVALID;
    case IKV_SYNTAX_TEXT:
        if (!bytes)
            return IKV_E_INVALID;
        if (len != key->width)
            return IKV_E_KEY_SYNTAX;
        memcpy(stored, text, len);
        return 0;
    case IKV_SYNTAX_BASE64:
        return bytes ? ikv_base64_parse(text, len, stored, key->width) : IKV_E_INVALID;
    case IKV_SYNTAX_HEX:
        return bytes ? ikv_hex_parse(text, len, stored, key->width)
                     : parse_number(key, syntax, text, len, stored);
    case IKV_SYNTAX_DEC:
        return bytes ? IKV_E_INVALID : parse_number(key, syntax, text, len, stored);
    }
    return IKV_E_INVALID;
}

int ikv_key_parse(ikv_key_type type, ikv_key_syntax syntax, const char *text, size_t len,
                  void *ret_key)
{
    struct ikv_key_info key;
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    if (!ikv_key_describe(type, &key) || !text || !ret_key)
        return IKV_E_INVALID;
    int code = parse_stored(&key, syntax, text, len, stored);
    if (code == 0)
        ikv_key_swap_host(&key, stored, ret_key);
    return code;
}

/* ---------------------------------------------------------------- formatting */

static int put_text(char *buf, size_t size, const char *text, size_t length)
{
    if (length >= size)
        return IKV_E_INVALID;
    memcpy(buf, text, length + 1);
    return (int)length;
}

static struct ikv_wide load_wide(const struct ikv_key_info *key, const unsigned char *stored,
                                 bool negative)
{
    unsigned char bytes[16];

    memset(bytes, negative ? 0xff : 0, sizeof bytes);
    memcpy(bytes, stored, key->width);
    return (struct ikv_wide){ikv_load64(bytes + 8), ikv_load64(bytes)};
}

static int format_number(const struct ikv_key_info *key, bool hex, const unsigned char *stored,
                         char *buf, size_t size)
{
    char text[IKV_DIGITS_MAX + 8];
    char *at = text + sizeof text - 1;
    const bool negative = key->kind == IKV_KIND_SIGNED && (stored[key->width - 1] & 0x80);
    struct ikv_wide value = load_wide(key, stored, negative);

    if (negative)
        value = wide_negate(value);
    *at = 0;
    if (hex) {
        for (uint32_t i = 0; i < key->width * 2; i++) {
            uint64_t half = i < 16 ? value.low >> (4 * i) : value.high >> (4 * (i - 16));
            *--at = "0123456789abcdef"[half & 15];
        }
        *--at = 'x';
        *--at = '0';
    } else {
        at = ikv_digits_format(value, at);
    }
    if (negative)
        *--at = '-';
    return put_text(buf, size, at, (size_t)(text + sizeof text - 1 - at));
}

/* The digits of a number below 256, and how many there are. */
#define OCTET_LENGTH(n) (1 + ((n) > 9) + ((n) > 99))
#define OCTET_DIGIT(n, i)                                                                          \
    ('0' + (n) / (OCTET_LENGTH(n) - (i) > 2 ? 100 : OCTET_LENGTH(n) - (i) > 1 ? 10 : 1) % 10)
#define OCTET(n)                                                                                   \
    {                                                                                              \
        OCTET_DIGIT(n, 0), OCTET_DIGIT(n, 1), OCTET_DIGIT(n, 2), OCTET_LENGTH(n)                   \
    }
#define OCTETS_4(n)  OCTET(n), OCTET((n) + 1), OCTET((n) + 2), OCTET((n) + 3)
#define OCTETS_16(n) OCTETS_4(n), OCTETS_4((n) + 4), OCTETS_4((n) + 8), OCTETS_4((n) + 12)
#define OCTETS_64(n) OCTETS_16(n), OCTETS_16((n) + 16), OCTETS_16((n) + 32), OCTETS_16((n) + 48)
static const char octets[256][4] = {OCTETS_64(0), OCTETS_64(64), OCTETS_64(128), OCTETS_64(192)};

/* inet_ntop prints the numbers with printf, and branches on random digits are slow. */
static int format_ipv4(const unsigned char *stored, char *buf, size_t size)
{
    char text[INET_ADDRSTRLEN + 4] = "";
    char *const to = size >= sizeof text ? buf : text;
    char *at = to;

    for (int i = 3; i >= 0; i--) {
        const char *octet = octets[stored[i]];
        memcpy(at, octet, sizeof octets[0]);
        at += octet[3];
        *at++ = '.';
    }
    *--at = '\0';
    return to == buf ? (int)(at - buf) : put_text(buf, size, text, (size_t)(at - text));
}

static int format_ip(const struct ikv_key_info *key, const unsigned char *stored, char *buf,
                     size_t size)
{
    unsigned char network[16];
    char text[INET6_ADDRSTRLEN];

    if (key->width == 4)
        return format_ipv4(stored, buf, size);
    reverse(stored, network, key->width);
    if (!inet_ntop(AF_INET6, network, text, sizeof text))
        return IKV_E_INVALID;
    return put_text(buf, size, text, strlen(text));
}

static int format_uuid(const struct ikv_key_info *key, const unsigned char *stored, char *buf,
                       size_t size)
{
    unsigned char bytes[IKV_UUID_BYTES];

    if (key->kind == IKV_KIND_BYTES)
        return ikv_uuid_format(stored, buf, size);
    reverse(stored, bytes, sizeof bytes);
    return ikv_uuid_format(bytes, buf, size);
}

static int format_text(const struct ikv_key_info *key, const unsigned char *stored, char *buf,
                       size_t size)
{
    if (size < (size_t)key->width + 1)
        return IKV_E_INVALID;
    memcpy(buf, stored, key->width);
    buf[key->width] = 0;
    return (int)key->width;
}

int ikv_key_format(ikv_key_type type, ikv_key_syntax syntax, const void *key_value, char *buf,
                   size_t size)
{
    struct ikv_key_info key;
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    if (!ikv_key_describe(type, &key) || !key_value || !buf)
        return IKV_E_INVALID;
    ikv_key_swap_host(&key, key_value, stored);
    const bool bytes = key.kind == IKV_KIND_BYTES;
    switch (syntax) {
    case IKV_SYNTAX_IP:
        return is_ip_type(&key) ? format_ip(&key, stored, buf, size) : IKV_E_INVALID;
    case IKV_SYNTAX_DEC:
        return bytes ? IKV_E_INVALID : format_number(&key, false, stored, buf, size);
    case IKV_SYNTAX_UUID:
        return is_uuid_type(&key) ? format_uuid(&key, stored, buf, size) : IKV_E_INVALID;
    case IKV_SYNTAX_TEXT:
        return bytes ? format_text(&key, stored, buf, size) : IKV_E_INVALID;
    case IKV_SYNTAX_BASE64:
        return bytes ? ikv_base64_format(stored, key.width, buf, size) : IKV_E_INVALID;
    case IKV_SYNTAX_AUTO:
    case IKV_SYNTAX_HEX:
        if (bytes)
            return ikv_hex_format(stored, key.width, buf, size);
        return format_number(&key, syntax == IKV_SYNTAX_HEX, stored, buf, size);
    }
    return IKV_E_INVALID;
}
