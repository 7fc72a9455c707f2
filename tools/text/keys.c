#include "text/keys.h"

#include "base/utf8.h"

#include <string.h>

static bool is_byte_string(ikv_key_type type)
{
    return type == IKV_KEY_BYTES(ikv_key_width(type));
}

static bool host_is_little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

void key_bytes_convert(ikv_key_type type, void *to, const void *from)
{
    size_t width = ikv_key_width(type);
    if (host_is_little_endian() || is_byte_string(type)) {
        memcpy(to, from, width);
        return;
    }
    for (size_t i = 0; i < width; i++)
        ((unsigned char *)to)[i] = ((const unsigned char *)from)[width - 1 - i];
}

void key_text_trim(ikv_key_type type, ikv_key_syntax syntax, bool first, const char **text,
                   size_t *length)
{
    size_t mark = first ? utf8_mark(*text, *length) : 0;
    size_t end = *length > mark && (*text)[*length - 1] == '\r';
    if (syntax == IKV_SYNTAX_TEXT) {
        /* Any bytes can be a key: remove only what makes it too long. */
        const size_t width = ikv_key_width(type);
        const size_t extra = *length > width ? *length - width : 0;
        if (extra != mark + end) {
            end = extra == end ? end : 0;
            mark = extra == mark ? mark : 0;
        }
    }
    *text += mark;
    *length -= mark + end;
}

bool key_syntax_fits(ikv_key_type type, ikv_key_syntax syntax)
{
    static const unsigned char zero[IKV_KEY_WIDTH_MAX];
    char text[IKV_KEY_TEXT_MAX];
    return ikv_key_format(type, syntax, zero, text, sizeof text) >= 0;
}

ikv_key_syntax key_syntax_of(ikv_key_type type, const char *text, size_t length)
{
    const bool dashes = length == 36 && text[8] == '-';
    if (dashes && (type == IKV_KEY_U128 || type == IKV_KEY_BYTES(16)))
        return IKV_SYNTAX_UUID;
    if (is_byte_string(type))
        return IKV_SYNTAX_AUTO;
    if ((type == IKV_KEY_U32 || type == IKV_KEY_U128) &&
        (memchr(text, '.', length) != NULL || memchr(text, ':', length) != NULL))
        return IKV_SYNTAX_IP;
    size_t sign = length > 0 && (text[0] == '-' || text[0] == '+');
    if (length >= sign + 2 && text[sign] == '0' && (text[sign + 1] | 0x20) == 'x')
        return IKV_SYNTAX_HEX;
    return IKV_SYNTAX_AUTO;
}
