#include "text/json.h"

#include "base/utf8.h"

#include <string.h>

/* Number of bytes from p on that need no escape. */
static size_t unescaped_run(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *start = p;
    while (p < end && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f &&
           !(*p == 0xc2 && end - p > 1 && p[1] < 0xa0)) /* C1 controls: C2 80 to C2 9F */
        p++;
    return (size_t)(p - start);
}

void json_string_literal(struct output *output, const void *text, size_t length)
{
    static const char short_names[] = "\b\t\n\f\r\"\\", short_escapes[] = "btnfr\"\\";
    const unsigned char *p = text, *end = p + length;
    output_text(output, "\"");
    while (p < end) {
        size_t run = unescaped_run(p, end);
        output_bytes(output, p, run);
        p += run;
        if (p == end)
            break;
        const char *name = *p ? strchr(short_names, *p) : NULL;
        if (name != NULL) {
            output_format(output, "\\%c", short_escapes[name - short_names]);
            p++;
        } else {
            uint32_t point = *p;
            size_t step = utf8_decode(p, (size_t)(end - p), &point);
            output_format(output, "\\u%04x", (unsigned)point);
            p += step ? step : 1;
        }
    }
    output_text(output, "\"");
}

static void base64_string(struct output *output, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    output_text(output, "\"");
    for (size_t i = 0; i < size; i += 3) {
        size_t rest = size - i;
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (rest > 1)
            three |= (uint32_t)bytes[i + 1] << 8;
        if (rest > 2)
            three |= bytes[i + 2];
        const char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                              rest > 1 ? digits[three >> 6 & 63] : '=',
                              rest > 2 ? digits[three & 63] : '='};
        output_bytes(output, four, sizeof four);
    }
    output_text(output, "\"");
}

void json_bytes_member(struct output *output, const char *name, const void *bytes, size_t size)
{
    bool text = utf8_valid(bytes, size);
    output_text(output, "\"");
    output_text(output, name);
    output_text(output, text ? "\":" : "_base64\":");
    if (text)
        json_string_literal(output, bytes, size);
    else
        base64_string(output, bytes, size);
}

void json_text_member(struct output *output, const char *name, const char *text)
{
    json_bytes_member(output, name, text, strlen(text));
}

void json_key_member(struct output *output, const char *name, ikv_key_type type,
                     ikv_key_syntax syntax, const void *key)
{
    char text[IKV_KEY_TEXT_MAX];
    if (ikv_key_format(type, syntax, key, text, sizeof text) < 0)
        text[0] = '\0';
    json_text_member(output, name, text);
}
