/* Text forms of keys and key types. */
#include "core/base/error.h"
#include "core/key/key.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A magnitude of up to 128 bits: compilers for 32-bit machines have no such integer. */
struct wide {
    uint64_t high;
    uint64_t low;
};

/* value = value * factor + digit, factor <= 16. False: overflow. */
static bool wide_append(struct wide *value, unsigned factor, unsigned digit)
{
    uint64_t part[4] = {value->low & UINT32_MAX, value->low >> 32, value->high & UINT32_MAX,
                        value->high >> 32};
    uint64_t carry = digit;

    for (int i = 0; i < 4; i++) {
        part[i] = part[i] * factor + carry;
        carry = part[i] >> 32;
        part[i] &= UINT32_MAX;
    }
    value->low = part[0] | part[1] << 32;
    value->high = part[2] | part[3] << 32;
    return carry == 0;
}

/* value = value / 10; returns the remainder. */
static unsigned wide_divide_by_10(struct wide *value)
{
    uint64_t part[4] = {value->high >> 32, value->high & UINT32_MAX, value->low >> 32,
                        value->low & UINT32_MAX};
    uint64_t rest = 0;

    for (int i = 0; i < 4; i++) {
        uint64_t now = rest << 32 | part[i];
        part[i] = now / 10;
        rest = now % 10;
    }
    value->high = part[0] << 32 | part[1];
    value->low = part[2] << 32 | part[3];
    return (unsigned)rest;
}

static struct wide wide_negate(struct wide value)
{
    struct wide result = {~value.high, ~value.low + 1};
    if (result.low == 0)
        result.high++;
    return result;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool has_hex_prefix(const char *text, size_t len)
{
    return len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
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
static int store_number(const struct ikv_key_info *key, bool negative, struct wide value,
                        void *stored)
{
    const bool is_signed = key->kind == IKV_KIND_SIGNED;
    const unsigned bits = key->width * 8 - (is_signed ? 1 : 0); /* of the maximum */
    struct wide limit = {bits > 64 ? UINT64_MAX >> (128 - bits) : 0,
                         bits >= 64 ? UINT64_MAX : UINT64_MAX >> (64 - bits)};

    if (negative) {
        if (!is_signed) {
            limit = (struct wide){0, 0}; /* -0 is 0 */
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

static int parse_number(const struct ikv_key_info *key, ikv_key_syntax syntax, const char *text,
                        size_t len, void *stored)
{
    bool negative = false;
    unsigned base = syntax == IKV_SYNTAX_HEX ? 16 : 10;
    struct wide value = {0, 0};
    bool fits = true;

    if (len && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text++;
        len--;
    }
    if (syntax != IKV_SYNTAX_DEC && has_hex_prefix(text, len)) {
        base = 16;
        text += 2;
        len -= 2;
    }
    if (len == 0)
        return IKV_E_KEY_SYNTAX;
    for (size_t i = 0; i < len; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return IKV_E_KEY_SYNTAX;
        fits = wide_append(&value, base, (unsigned)digit) && fits;
    }
    return fits ? store_number(key, negative, value, stored) : IKV_E_KEY_RANGE;
}

static int parse_bytes(const struct ikv_key_info *key, const char *text, size_t len, void *stored)
{
    unsigned char bytes[IKV_KEY_WIDTH_MAX];

    if (len == (size_t)key->width * 2 + 2 && has_hex_prefix(text, len)) {
        text += 2;
        len -= 2;
    }
    if (len != (size_t)key->width * 2)
        return IKV_E_KEY_SYNTAX;
    for (size_t i = 0; i < key->width; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return IKV_E_KEY_SYNTAX;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(stored, bytes, key->width);
    return 0;
}

static bool is_ip_type(const struct ikv_key_info *key)
{
    return key->kind == IKV_KIND_UNSIGNED && (key->width == 4 || key->width == 16);
}

static int parse_ip(const struct ikv_key_info *key, const char *text, size_t len, void *stored)
{
    char terminated[INET6_ADDRSTRLEN + 1];
    unsigned char network[16];
    unsigned char *bytes = stored;

    if (len == 0 || len >= sizeof terminated || memchr(text, 0, len))
        return IKV_E_KEY_SYNTAX;
    memcpy(terminated, text, len);
    terminated[len] = 0;
    if (inet_pton(key->width == 4 ? AF_INET : AF_INET6, terminated, network) != 1)
        return IKV_E_KEY_SYNTAX;
    for (uint32_t i = 0; i < key->width; i++)
        bytes[i] = network[key->width - 1 - i];
    return 0;
}

static int parse_stored(const struct ikv_key_info *key, ikv_key_syntax syntax, const char *text,
                        size_t len, void *stored)
{
    if (syntax == IKV_SYNTAX_IP)
        return is_ip_type(key) ? parse_ip(key, text, len, stored) : IKV_E_INVALID;
    if (key->kind == IKV_KIND_BYTES)
        return syntax == IKV_SYNTAX_DEC ? IKV_E_INVALID : parse_bytes(key, text, len, stored);
    if (syntax == IKV_SYNTAX_AUTO && is_ip_type(key) &&
        memchr(text, key->width == 4 ? '.' : ':', len))
        return parse_ip(key, text, len, stored);
    return parse_number(key, syntax, text, len, stored);
}

int ikv_key_parse(ikv_key_type type, ikv_key_syntax syntax, const char *text, size_t len,
                  void *ret_key)
{
    struct ikv_key_info key;
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    if (!ikv_key_describe(type, &key) || !text || !ret_key || (unsigned)syntax > IKV_SYNTAX_IP)
        return IKV_E_INVALID;
    int code = parse_stored(&key, syntax, text, len, stored);
    if (code == 0)
        ikv_key_swap_host(&key, stored, ret_key);
    return code;
}

/* ---------------------------------------------------------------- formatting */

static int put_text(char *buf, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size)
        return IKV_E_INVALID;
    memcpy(buf, text, length + 1);
    return (int)length;
}

static int format_number(const struct ikv_key_info *key, bool hex, const unsigned char *stored,
                         char *buf, size_t size)
{
    unsigned char bytes[16] = {0};
    char text[48];
    char *at = text + sizeof text;
    bool negative = key->kind == IKV_KIND_SIGNED && (stored[key->width - 1] & 0x80);

    memset(bytes, negative ? 0xff : 0, sizeof bytes);
    memcpy(bytes, stored, key->width);
    struct wide value = {ikv_load64(bytes + 8), ikv_load64(bytes)};
    if (negative)
        value = wide_negate(value);

    *--at = 0;
    if (hex) {
        for (uint32_t i = 0; i < key->width * 2; i++) {
            uint64_t half = i < 16 ? value.low >> (4 * i) : value.high >> (4 * (i - 16));
            *--at = "0123456789abcdef"[half & 15];
        }
        *--at = 'x';
        *--at = '0';
    } else {
        do
            *--at = (char)('0' + wide_divide_by_10(&value));
        while (value.high || value.low);
    }
    if (negative)
        *--at = '-';
    return put_text(buf, size, at);
}

static int format_bytes(const struct ikv_key_info *key, const unsigned char *stored, char *buf,
                        size_t size)
{
    if (size < (size_t)key->width * 2 + 1)
        return IKV_E_INVALID;
    for (size_t i = 0; i < key->width; i++) {
        buf[2 * i] = "0123456789abcdef"[stored[i] >> 4];
        buf[2 * i + 1] = "0123456789abcdef"[stored[i] & 15];
    }
    buf[(size_t)key->width * 2] = 0;
    return (int)(key->width * 2);
}

static int format_ip(const struct ikv_key_info *key, const unsigned char *stored, char *buf,
                     size_t size)
{
    unsigned char network[16];
    char text[INET6_ADDRSTRLEN];

    for (uint32_t i = 0; i < key->width; i++)
        network[i] = stored[key->width - 1 - i];
    if (!inet_ntop(key->width == 4 ? AF_INET : AF_INET6, network, text, sizeof text))
        return IKV_E_INVALID;
    return put_text(buf, size, text);
}

int ikv_key_format(ikv_key_type type, ikv_key_syntax syntax, const void *key_value, char *buf,
                   size_t size)
{
    struct ikv_key_info key;
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    if (!ikv_key_describe(type, &key) || !key_value || !buf)
        return IKV_E_INVALID;
    ikv_key_swap_host(&key, key_value, stored);
    switch (syntax) {
    case IKV_SYNTAX_IP:
        return is_ip_type(&key) ? format_ip(&key, stored, buf, size) : IKV_E_INVALID;
    case IKV_SYNTAX_DEC:
        if (key.kind == IKV_KIND_BYTES)
            return IKV_E_INVALID;
        return format_number(&key, false, stored, buf, size);
    case IKV_SYNTAX_AUTO:
    case IKV_SYNTAX_HEX:
        if (key.kind == IKV_KIND_BYTES)
            return format_bytes(&key, stored, buf, size);
        return format_number(&key, syntax == IKV_SYNTAX_HEX, stored, buf, size);
    }
    return IKV_E_INVALID;
}
