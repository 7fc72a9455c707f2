/* TSV input: lines of key, tab, value. The value is the rest of the line and may contain any bytes
 * but the one that ends a line, LF or NUL; with escapes, any bytes. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/utf8.h"
#include "input/pair_reader.h"
#include "text/escape.h"
#include "text/keys.h"

#include <string.h>

/* Lines up to this length are read without a look at their beginning. */
enum { LINE_SHORT = 1 << 20 };

static int no_tab(struct pair_reader *reader, const char *line, size_t length)
{
    return pair_reader_bad(reader, "expected a key, a tab and a value, got no tab in %s",
                           excerpt_of(line, length).text);
}

/* Read a line into reader->record. A line without a tab is refused before all of it is in memory.
 */
static int next_line(struct pair_reader *reader)
{
    const char *line;
    size_t length, max = reader->format.line_max, first = max < LINE_SHORT ? max : LINE_SHORT;
    reader->record = NULL;
    reader->position = reader->input.offset;
    int result = input_line(&reader->input, first, &line, &length);
    if (result != INPUT_MORE)
        return result;
    reader->line++;
    if (length > first && memchr(line, '\t', KEY_INPUT_MAX + 1) == NULL)
        return no_tab(reader, line, length);
    if (length > first)
        result = input_line(&reader->input, max, &line, &length);
    if (result != INPUT_MORE)
        return result;
    if (length > max)
        return pair_reader_too_long(reader, "line");
    reader->record = line;
    reader->record_size = length;
    return INPUT_MORE;
}

/* The first line shows how the lines of the file end. */
static int inspect_first_line(struct pair_reader *reader, const char **line, size_t *length)
{
    const struct pair_format *format = &reader->format;
    if (utf16_mark(*line, *length))
        return pair_reader_fail(reader, STATUS_USAGE, "expected UTF-8, got UTF-16");
    size_t mark = utf8_mark(*line, *length);
    /* With raw text, these bytes may belong to a key of the right width. */
    if (format->key_syntax == IKV_SYNTAX_TEXT && *length > reader->key_width &&
        (*line)[reader->key_width] == '\t')
        mark = 0;
    *line += mark;
    *length -= mark;
    if (format->line_ends != LINE_ENDS_DETECT || format->nul || *length == 0 ||
        (*line)[*length - 1] != '\r')
        return INPUT_MORE;
    reader->crlf = true;
    if (!format->quiet)
        message("%s: lines end with CR LF, like the first one (--lf: the CRs belong to the values)",
                reader->input.name);
    return INPUT_MORE;
}

/* Undo the escapes of key and value. */
static int unescape(struct pair_reader *reader, const char *key, size_t key_length,
                    const char **value, size_t *length)
{
    struct buffer *buffer = &reader->unescaped;
    buffer->size = 0;
    enum unescape_result result = unescape_append(buffer, key, key_length);
    const size_t key_end = buffer->size;
    if (result == UNESCAPE_DONE)
        result = unescape_append(buffer, *value, *length);
    if (result == UNESCAPE_NO_MEMORY) {
        reader->status = out_of_memory();
        return INPUT_FAILED;
    }
    if (result == UNESCAPE_BAD)
        return pair_reader_bad(reader, "expected n, t, r or a backslash after each backslash");
    *value = buffer->data + key_end;
    *length = buffer->size - key_end;
    return pair_reader_parse_key(reader, buffer->data, key_end);
}

int input_tsv_next(struct pair_reader *reader, struct pair *ret_pair)
{
    const char *line;
    size_t length;
    do {
        int result = next_line(reader);
        if (result != INPUT_MORE)
            return result;
        line = reader->record;
        length = reader->record_size;
        if (reader->line == 1 &&
            (result = inspect_first_line(reader, &line, &length)) != INPUT_MORE)
            return result;
        if (reader->crlf && length > 0 && line[length - 1] == '\r')
            length--;
    } while (length == 0 && !reader->format.strict);

    const char *tab = memchr(line, '\t', length);
    if (tab == NULL)
        return no_tab(reader, line, length);
    size_t key_length = (size_t)(tab - line), value_length = length - key_length - 1;
    const char *value = tab + 1;
    int result = reader->format.escape ? unescape(reader, line, key_length, &value, &value_length)
                                       : pair_reader_parse_key(reader, line, key_length);
    if (result != INPUT_MORE)
        return result;
    *ret_pair = (struct pair){reader->key, value, value_length};
    return INPUT_MORE;
}
