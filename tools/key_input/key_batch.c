#include "key_input/key_batch.h"

#include "text/escape.h"
#include "text/keys.h"

#include <errno.h>
#include <string.h>

void key_batch_clear(struct key_batch *batch)
{
    batch->lines.size = batch->keys.size = batch->texts.size = batch->bad_lines.size = 0;
    batch->line_count = batch->count = batch->bad_count = 0;
}

void key_batch_free(struct key_batch *batch)
{
    buffer_free(&batch->lines);
    buffer_free(&batch->keys);
    buffer_free(&batch->texts);
    buffer_free(&batch->bad_lines);
    buffer_free(&batch->unescaped);
}

bool key_batch_add_bad(struct key_batch *batch, const struct bad_line *bad)
{
    if (!buffer_append(&batch->bad_lines, bad, sizeof *bad))
        return false;
    batch->bad_count++;
    return true;
}

/* ---------------------------------------------------------------- parsing */

static bool parse_binary(struct key_batch *batch, const struct key_format *format)
{
    const size_t size = batch->lines.size;
    if (!buffer_reserve(&batch->keys, size))
        return false;
    for (size_t at = 0; at < size; at += format->width)
        key_bytes_convert(format->type, batch->keys.data + at, batch->lines.data + at);
    batch->keys.size = size;
    batch->count = size / format->width;
    return true;
}

/* Undo the escapes of a text in place. Returns 0, or IKV_E_KEY_SYNTAX and the text is unchanged. */
static int unescape(struct key_batch *batch, struct key_text *text, const struct key_format *format,
                    void *ret_key)
{
    char *to = batch->lines.data + text->start;
    batch->unescaped.size = 0;
    switch (unescape_append(&batch->unescaped, to, text->length)) {
    case UNESCAPE_NO_MEMORY:
        return -ENOMEM;
    case UNESCAPE_BAD:
        return IKV_E_KEY_SYNTAX;
    case UNESCAPE_DONE:
        break;
    }
    const struct buffer *unescaped = &batch->unescaped;
    int code =
        ikv_key_parse(format->type, format->syntax, unescaped->data, unescaped->size, ret_key);
    if (code != 0)
        return code;
    memcpy(to, unescaped->data, unescaped->size);
    text->length = (uint32_t)unescaped->size;
    return 0;
}

/* Parse line i of the batch. Returns 0, a code of ikv_key_parse, or -ENOMEM. */
static int parse_line(struct key_batch *batch, const struct key_format *format, size_t i,
                      struct key_text *text, void *ret_key)
{
    const char *line = batch->lines.data + text->start;
    size_t length = text->length;
    const bool first = i == 0 && batch->first_line == 1;
    if (format->of_file && format->line_end == '\n' &&
        (first || (length > 0 && line[length - 1] == '\r'))) {
        key_text_trim(format->type, format->syntax, first, &line, &length);
        *text = (struct key_text){(uint32_t)(line - batch->lines.data), (uint32_t)length};
    }
    if (length > KEY_INPUT_MAX)
        return IKV_E_KEY_SYNTAX;
    if (format->escape && memchr(line, '\\', length) != NULL)
        return unescape(batch, text, format, ret_key);
    return ikv_key_parse(format->type, format->syntax, line, length, ret_key);
}

/* Memory for as many keys as there are lines. */
static bool reserve(struct key_batch *batch, const struct key_format *format)
{
    return buffer_reserve(&batch->keys, batch->line_count * format->width) &&
           buffer_reserve(&batch->texts, batch->line_count * sizeof(struct key_text));
}

bool key_batch_parse(struct key_batch *batch, const struct key_format *format)
{
    if (format->binary)
        return parse_binary(batch, format);
    if (!reserve(batch, format))
        return false;
    struct key_text *texts = (struct key_text *)(void *)batch->texts.data;
    char *keys = batch->keys.data;
    size_t start = 0, count = 0;
    for (size_t i = 0; i < batch->line_count; i++) {
        const char *line = batch->lines.data + start;
        const char *end = memchr(line, format->line_end, batch->lines.size - start);
        const struct key_text whole = {(uint32_t)start, (uint32_t)(end - line)};
        start += (size_t)whole.length + 1;
        texts[count] = whole;
        const int code = parse_line(batch, format, i, &texts[count], keys + count * format->width);
        if (code == 0) {
            count++;
            continue;
        }
        const struct bad_line bad = {.before = count,
                                     .number = batch->first_line + i,
                                     .line = whole,
                                     .text = texts[count],
                                     .code = code};
        if (code == -ENOMEM || !key_batch_add_bad(batch, &bad))
            return false;
        if (format->stop_at_bad)
            break;
    }
    batch->count = count;
    batch->keys.size = count * format->width;
    batch->texts.size = count * sizeof *texts;
    return true;
}
