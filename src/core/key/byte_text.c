#include "core/key/byte_text.h"

#include <stdint.h>

/* ---------------------------------------------------------------- hex, UUID */

int ikv_hex_parse(const char *text, size_t len, unsigned char *bytes, size_t size)
{
    unsigned char parsed[IKV_KEY_WIDTH_MAX];

    if (len == size * 2 + 2 && ikv_has_hex_prefix(text, len)) {
        text += 2;
        len -= 2;
    }
    if (len != size * 2)
        return IKV_E_KEY_SYNTAX;
    for (size_t i = 0; i < size; i++) {
        int high = ikv_hex_digit(text[2 * i]);
        int low = ikv_hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return IKV_E_KEY_SYNTAX;
        parsed[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(bytes, parsed, size);
    return 0;
}

int ikv_hex_format(const unsigned char *bytes, size_t size, char *buf, size_t buf_size)
{
    if (buf_size < size * 2 + 1)
        return IKV_E_INVALID;
    for (size_t i = 0; i < size; i++) {
        buf[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        buf[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    buf[size * 2] = 0;
    return (int)(size * 2);
}

/* Lengths of the groups of digits in a UUID. */
static const unsigned char uuid_groups[] = {8, 4, 4, 4, 12};
enum { UUID_GROUPS = sizeof uuid_groups };

int ikv_uuid_parse(const char *text, size_t len, unsigned char bytes[IKV_UUID_BYTES])
{
    char digits[2 * IKV_UUID_BYTES];
    size_t used = 0;

    if (!ikv_looks_like_uuid(text, len))
        return IKV_E_KEY_SYNTAX;
    for (int i = 0; i < UUID_GROUPS; i++) {
        memcpy(digits + used, text, uuid_groups[i]);
        used += uuid_groups[i];
        text += uuid_groups[i] + 1;
    }
    return ikv_hex_parse(digits, sizeof digits, bytes, IKV_UUID_BYTES);
}

int ikv_uuid_format(const unsigned char bytes[IKV_UUID_BYTES], char *buf, size_t buf_size)
{
    char digits[2 * IKV_UUID_BYTES + 1];
    const char *from = digits;

    if (buf_size < IKV_UUID_LENGTH + 1)
        return IKV_E_INVALID;
    (void)ikv_hex_format(bytes, IKV_UUID_BYTES, digits, sizeof digits);
    for (int i = 0; i < UUID_GROUPS; i++) {
        memcpy(buf, from, uuid_groups[i]);
        buf += uuid_groups[i];
        from += uuid_groups[i];
        *buf++ = '-';
    }
    buf[-1] = 0;
    return IKV_UUID_LENGTH;
}

/* ---------------------------------------------------------------- base64 */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

int ikv_base64_parse(const char *text, size_t len, unsigned char *bytes, size_t size)
{
    const size_t digits = (size * 8 + 5) / 6, padded = (size + 2) / 3 * 4;
    unsigned char parsed[IKV_KEY_WIDTH_MAX];
    uint32_t bits = 0;
    unsigned count = 0;
    size_t used = 0;

    if (len != digits && len != padded)
        return IKV_E_KEY_SYNTAX;
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return IKV_E_KEY_SYNTAX;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            parsed[used++] = (unsigned char)(bits >> count);
            bits &= (1u << count) - 1;
        }
    }
    for (size_t i = digits; i < len; i++)
        if (text[i] != '=')
            return IKV_E_KEY_SYNTAX;
    /* Bits after the last byte must be 0, so that different texts are different keys. */
    if (bits != 0)
        return IKV_E_KEY_SYNTAX;
    memcpy(bytes, parsed, size);
    return 0;
}

int ikv_base64_format(const unsigned char *bytes, size_t size, char *buf, size_t buf_size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t length = (size + 2) / 3 * 4;

    if (buf_size < length + 1)
        return IKV_E_INVALID;
    for (size_t i = 0; i < size; i += 3) {
        size_t rest = size - i;
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (rest > 1)
            three |= (uint32_t)bytes[i + 1] << 8;
        if (rest > 2)
            three |= bytes[i + 2];
        *buf++ = digits[three >> 18];
        *buf++ = digits[three >> 12 & 63];
        *buf++ = rest > 1 ? digits[three >> 6 & 63] : '=';
        *buf++ = rest > 2 ? digits[three & 63] : '=';
    }
    *buf = 0;
    return (int)length;
}
