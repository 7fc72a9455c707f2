#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

size_t utf8_decode(const unsigned char *text, size_t length, uint32_t *ret_point)
{
    if (length == 0)
        return 0;
    unsigned char first = text[0];
    size_t need;
    uint32_t point, min;
    if (first < 0x80) {
        *ret_point = first;
        return 1;
    } else if (first >= 0xc2 && first < 0xe0) {
        need = 2, point = first & 0x1fu, min = 0x80;
    } else if (first >= 0xe0 && first < 0xf0) {
        need = 3, point = first & 0x0fu, min = 0x800;
    } else if (first >= 0xf0 && first < 0xf5) {
        need = 4, point = first & 0x07u, min = 0x10000;
    } else {
        return 0;
    }
    if (length < need)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3fu);
    }
    /* Reject overlong forms, surrogates and code points above U+10FFFF. */
    if (point < min || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
        return 0;
    *ret_point = point;
    return need;
}

bool utf8_valid(const void *text, size_t length)
{
    const unsigned char *p = text, *end = p + length;
    while (p < end) {
        uint64_t eight;
        while (end - p >= 8) {
            memcpy(&eight, p, 8);
            if (eight & UINT64_C(0x8080808080808080))
                break;
            p += 8;
        }
        uint32_t point;
        size_t step = utf8_decode(p, (size_t)(end - p), &point);
        if (step == 0)
            return p == end;
        p += step;
    }
    return true;
}

size_t utf8_mark(const char *text, size_t length)
{
    return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

bool utf16_mark(const char *text, size_t length)
{
    return length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

bool utf8_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

size_t utf8_escape(char *copy, size_t size, const void *text, size_t length)
{
    const unsigned char *p = text, *end = p + length;
    size_t used = 0;
    while (p < end) {
        char piece[4 * UTF8_ESCAPE_MAX + 1];
        size_t piece_length;
        uint32_t point;
        size_t step = utf8_decode(p, (size_t)(end - p), &point);
        if (step != 0 && !utf8_is_control(point)) {
            memcpy(piece, p, step);
            piece_length = step;
        } else if (*p == '\n' || *p == '\r' || *p == '\t') {
            piece[0] = '\\';
            piece[1] = *p == '\n' ? 'n' : *p == '\r' ? 'r' : 't';
            piece_length = 2;
            step = 1;
        } else {
            step = step == 0 ? 1 : step;
            piece_length = 0;
            for (size_t i = 0; i < step; i++)
                piece_length += (size_t)snprintf(piece + piece_length, UTF8_ESCAPE_MAX + 1,
                                                 "\\x%02x", (unsigned)p[i]);
        }
        if (used + piece_length >= size)
            break;
        memcpy(copy + used, piece, piece_length);
        used += piece_length;
        p += step;
    }
    copy[used] = '\0';
    return used;
}
