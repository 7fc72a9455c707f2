/* Text forms of keys and key types. */
#include "core/base/error.h"
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
        const int digit = hex_digit(text[i]);
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
    if (syntax != IKV_SYNTAX_DEC && has_hex_prefix(text, len)) {
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

/* inet_ntop prints the numbers with printf. */
static int format_ipv4(const unsigned char *stored, char *buf, size_t size)
{
    char text[INET_ADDRSTRLEN];
    char *at = text;

    for (int i = 3; i >= 0; i--) {
        const unsigned number = stored[i];
        if (number >= 100)
            *at++ = (char)('0' + number / 100);
        if (number >= 10)
            *at++ = (char)('0' + number / 10 % 10);
        *at++ = (char)('0' + number % 10);
        *at++ = i > 0 ? '.' : '\0';
    }
    return put_text(buf, size, text, (size_t)(at - 1 - text));
}

static int format_ip(const struct ikv_key_info *key, const unsigned char *stored, char *buf,
                     size_t size)
{
    unsigned char network[16];
    char text[INET6_ADDRSTRLEN];

    if (key->width == 4)
        return format_ipv4(stored, buf, size);
    for (uint32_t i = 0; i < key->width; i++)
        network[i] = stored[key->width - 1 - i];
    if (!inet_ntop(AF_INET6, network, text, sizeof text))
        return IKV_E_INVALID;
    return put_text(buf, size, text, strlen(text));
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
