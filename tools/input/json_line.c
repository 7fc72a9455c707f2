#include "input/json_line.h"

#include <stdint.h>
#include <string.h>

struct cursor {
    const char *p, *end;
    const char *problem; /* what was expected; NULL: nothing is wrong */
};

static bool expected(struct cursor *c, const char *what)
{
    c->problem = what;
    return false;
}

static void skip_space(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        c->p++;
}

static bool at(const struct cursor *c, char byte)
{
    return c->p < c->end && *c->p == byte;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1: they are not. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t number = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

/* Scan a string from its first quote. */
static bool scan_string(struct cursor *c)
{
    if (!at(c, '"'))
        return expected(c, "a string");
    c->p++;
    for (; c->p < c->end; c->p++) {
        if (*c->p == '"') {
            c->p++;
            return true;
        }
        if ((unsigned char)*c->p < 0x20)
            return expected(c, "no control character in a string");
        if (*c->p != '\\')
            continue;
        c->p++;
        if (c->p == c->end)
            break;
        if (*c->p == 'u' ? hex4(c->p + 1, c->end) < 0
                         : *c->p == '\0' || strchr("\"\\/bfnrt", *c->p) == NULL)
            return expected(c, "a JSON escape after a backslash");
    }
    return expected(c, "a quote at the end of a string");
}

static bool scan_digits(struct cursor *c)
{
    const char *start = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
        c->p++;
    return c->p > start || expected(c, "a digit");
}

static bool scan_number(struct cursor *c)
{
    c->p += *c->p == '-';
    if (at(c, '0'))
        c->p++;
    else if (!scan_digits(c))
        return false;
    if (at(c, '.')) {
        c->p++;
        if (!scan_digits(c))
            return false;
    }
    if (at(c, 'e') || at(c, 'E')) {
        c->p++;
        if (at(c, '+') || at(c, '-'))
            c->p++;
        return scan_digits(c);
    }
    return true;
}

/* A value that has no values inside. */
static bool scan_scalar(struct cursor *c)
{
    static const char *const words[] = {"true", "false", "null"};
    if (at(c, '"'))
        return scan_string(c);
    if (c->p < c->end && (*c->p == '-' || (*c->p >= '0' && *c->p <= '9')))
        return scan_number(c);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(c->end - c->p) >= length && memcmp(c->p, words[i], length) == 0) {
            c->p += length;
            return true;
        }
    }
    return expected(c, "a JSON value");
}

/* A name and the colon after it. */
static bool scan_name(struct cursor *c)
{
    skip_space(c);
    if (!scan_string(c))
        return false;
    skip_space(c);
    if (!at(c, ':'))
        return expected(c, "a colon after a name");
    c->p++;
    return true;
}

/* Skip a value of any depth. `open` are the brackets not yet closed. */
static bool scan_value(struct cursor *c)
{
    char open[JSON_DEPTH_MAX];
    size_t depth = 0;
    for (;;) {
        skip_space(c);
        bool empty = false;
        if (at(c, '{') || at(c, '[')) {
            if (depth == JSON_DEPTH_MAX)
                return expected(c, "at most 512 levels of arrays and objects");
            open[depth++] = *c->p++;
            skip_space(c);
            empty = at(c, open[depth - 1] == '{' ? '}' : ']');
            if (!empty && open[depth - 1] == '{' && !scan_name(c))
                return false;
            if (!empty)
                continue;
        } else if (!scan_scalar(c)) {
            return false;
        }
        for (; depth > 0; depth--) {
            skip_space(c);
            if (!empty && at(c, ','))
                break;
            empty = false;
            if (!at(c, open[depth - 1] == '{' ? '}' : ']'))
                return expected(c, "a comma or a closing bracket");
            c->p++;
        }
        if (depth == 0)
            return true;
        c->p++; /* the comma */
        if (open[depth - 1] == '{' && !scan_name(c))
            return false;
    }
}

/* Whether the name between quotes is `name`. */
static bool is_name(const char *text, size_t length, const char *name, struct buffer *scratch)
{
    if (memchr(text, '\\', length) != NULL) {
        scratch->size = 0;
        if (json_string_append(scratch, text, length) != JSON_DONE)
            return false;
        text = scratch->data;
        length = scratch->size;
    }
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

static bool scan_member(struct cursor *c, struct json_wanted *wanted, size_t count,
                        struct buffer *scratch)
{
    skip_space(c);
    const char *name = c->p + 1;
    if (!scan_string(c))
        return false;
    const size_t name_length = (size_t)(c->p - 1 - name);
    skip_space(c);
    if (!at(c, ':'))
        return expected(c, "a colon after a name");
    c->p++;
    skip_space(c);
    const char *value = c->p;
    if (!scan_value(c))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (wanted[i].name == NULL || !is_name(name, name_length, wanted[i].name, scratch))
            continue;
        if (wanted[i].text != NULL)
            return expected(c, "every name once");
        const bool string = *value == '"';
        wanted[i].is_string = string;
        wanted[i].text = value + string;
        wanted[i].length = (size_t)(c->p - value) - 2 * (size_t)string;
    }
    return true;
}

const char *json_object_find(const char *text, size_t length, struct json_wanted *wanted,
                             size_t count, struct buffer *scratch)
{
    struct cursor c = {text, text + length, NULL};
    for (size_t i = 0; i < count; i++)
        wanted[i].text = NULL;
    skip_space(&c);
    if (!at(&c, '{'))
        return "a JSON object";
    c.p++;
    skip_space(&c);
    while (!at(&c, '}')) {
        if (!scan_member(&c, wanted, count, scratch))
            return c.problem;
        skip_space(&c);
        if (at(&c, '}'))
            break;
        if (!at(&c, ','))
            return "a comma or a closing bracket";
        c.p++;
        skip_space(&c);
        if (at(&c, '}'))
            return "a string";
    }
    c.p++;
    skip_space(&c);
    return c.p == c.end ? NULL : "nothing after the object";
}

/* ---------------------------------------------------------------- contents of strings */

static char *put_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xc0 | point >> 6);
        *to++ = (char)(0x80 | (point & 63));
    } else if (point < 0x10000) {
        *to++ = (char)(0xe0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 63));
        *to++ = (char)(0x80 | (point & 63));
    } else {
        *to++ = (char)(0xf0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 63));
        *to++ = (char)(0x80 | (point >> 6 & 63));
        *to++ = (char)(0x80 | (point & 63));
    }
    return to;
}

/* Decode \uXXXX, or two of them, from the u on. Returns what follows, or NULL. */
static const char *decode_unicode(const char *p, const char *end, char **to)
{
    int32_t unit = hex4(p + 1, end);
    p += 5;
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return NULL;
    uint32_t point = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
            return NULL;
        int32_t low = hex4(p + 2, end);
        if (low < 0xdc00 || low > 0xdfff)
            return NULL;
        point = 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
        p += 6;
    }
    *to = put_utf8(*to, point);
    return p;
}

enum json_result json_string_append(struct buffer *buffer, const char *text, size_t length)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (!buffer_reserve(buffer, length)) /* escapes only become shorter */
        return JSON_NO_MEMORY;
    if (length == 0) /* text may be NULL */
        return JSON_DONE;
    const char *end = text + length;
    char *to = buffer->data + buffer->size;
    while (text < end) {
        const char *backslash = memchr(text, '\\', (size_t)(end - text));
        const size_t run = (size_t)((backslash ? backslash : end) - text);
        memcpy(to, text, run);
        to += run;
        text += run;
        if (text == end)
            break;
        text++;
        if (*text == 'u') {
            text = decode_unicode(text, end, &to);
            if (text == NULL)
                return JSON_BAD;
        } else {
            *to++ = bytes[strchr(names, *text) - names];
            text++;
        }
    }
    buffer->size = (size_t)(to - buffer->data);
    return JSON_DONE;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *digit = c != '\0' ? strchr(digits, c) : NULL;
    return digit ? (int)(digit - digits) : -1;
}

enum json_result json_base64_append(struct buffer *buffer, const char *text, size_t length)
{
    if (length % 4 != 0)
        return JSON_BAD;
    size_t padding = 0;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    if (!buffer_reserve(buffer, length / 4 * 3))
        return JSON_NO_MEMORY;
    char *to = buffer->data + buffer->size;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < length - padding; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return JSON_BAD;
        bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *to++ = (char)(bits >> count);
        }
    }
    if ((bits & ((1u << count) - 1)) != 0)
        return JSON_BAD;
    buffer->size = (size_t)(to - buffer->data);
    return JSON_DONE;
}
