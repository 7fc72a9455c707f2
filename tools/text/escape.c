#include "text/escape.h"

#include <stdint.h>
#include <string.h>

#define EACH_BYTE (UINT64_MAX / 255) /* 0x0101... */

/* Not 0 if a byte of the word is less than 0x20. */
static uint64_t has_control(uint64_t word)
{
    return (word - EACH_BYTE * 0x20) & ~word & EACH_BYTE * 0x80;
}

/* Not 0 if a byte of the word is a backslash. */
static uint64_t has_backslash(uint64_t word)
{
    word ^= EACH_BYTE * '\\';
    return (word - EACH_BYTE) & ~word & EACH_BYTE * 0x80;
}

/* The last 1 to 7 bytes of a text as a word, with spaces beside them. */
static uint64_t last_word(const char *text, size_t size)
{
    uint64_t word = EACH_BYTE * ' ';
    memcpy(&word, text, size);
    return word;
}

static bool has_any_control(const char *text, size_t size)
{
    uint64_t found = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        found |= has_control(word);
    }
    return (found | (i < size ? has_control(last_word(text + i, size - i)) : 0)) != 0;
}

bool text_breaks_line(const void *text, size_t size)
{
    return has_any_control(text, size) &&
           (memchr(text, '\n', size) != NULL || memchr(text, '\t', size) != NULL ||
            memchr(text, '\r', size) != NULL);
}

bool text_copy(void *to, const void *text, size_t size)
{
    unsigned char *out = to;
    const char *p = text;
    uint64_t found = 0, word;
    size_t i = 0;
    if (size < sizeof word) {
        for (; i < size; i++) {
            out[i] = (unsigned char)p[i];
            found |= out[i] < 0x20;
        }
        return found != 0;
    }
    for (; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        memcpy(out + i, &word, sizeof word);
        found |= has_control(word);
    }
    /* The last word overlaps the one before. */
    memcpy(&word, p + size - sizeof word, sizeof word);
    memcpy(out + size - sizeof word, &word, sizeof word);
    return (found | has_control(word)) != 0;
}

static char escape_of(char c)
{
    switch (c) {
    case '\n':
        return 'n';
    case '\t':
        return 't';
    case '\r':
        return 'r';
    case '\\':
        return '\\';
    default:
        return '\0';
    }
}

/* The number of bytes that need no escape. */
static size_t plain_run(const char *text, size_t size)
{
    uint64_t word;
    size_t i = 0;
    for (; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        if (has_control(word) | has_backslash(word))
            break;
    }
    while (i < size && escape_of(text[i]) == '\0')
        i++;
    return i;
}

void escape_write(struct output *output, const void *text, size_t size)
{
    const char *p = text;
    while (size > 0) {
        size_t run = plain_run(p, size);
        output_untrusted(output, p, run, false);
        p += run;
        size -= run;
        if (size == 0)
            break;
        const char escaped[2] = {'\\', escape_of(*p)};
        output_bytes(output, escaped, sizeof escaped);
        p++;
        size--;
    }
}

static char unescaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '\\':
        return '\\';
    default:
        return '\0';
    }
}

enum unescape_result unescape_append(struct buffer *buffer, const char *text, size_t size)
{
    if (!buffer_reserve(buffer, size)) /* escapes only become shorter */
        return UNESCAPE_NO_MEMORY;
    char *to = buffer->data + buffer->size;
    while (size > 0) {
        const char *backslash = memchr(text, '\\', size);
        size_t run = backslash ? (size_t)(backslash - text) : size;
        memcpy(to, text, run);
        to += run;
        text += run;
        size -= run;
        if (size == 0)
            break;
        char c = size > 1 ? unescaped(text[1]) : '\0';
        if (c == '\0')
            return UNESCAPE_BAD;
        *to++ = c;
        text += 2;
        size -= 2;
    }
    buffer->size = (size_t)(to - buffer->data);
    return UNESCAPE_DONE;
}
