/* TSV input: lines of key, tab, value; of ranges, first key, tab, last key, tab, value, or network,
 * tab, value. The value is the rest of the line and may contain any bytes but the one that ends a
 * line, LF or NUL; with escapes, any bytes. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/utf8.h"
#include "input/pair_reader.h"
#include "text/escape.h"
#include "text/keys.h"

#include <string.h>

/* Lines up to this length are read without a look at their beginning. */
enum { LINE_SHORT = 1 << 20 };

/* What a file that is not in TSV may be. */
static const char *hint(const struct pair_reader *reader, const char *line, size_t length)
{
    if (reader->line != 1)
        return "";
    if (length > 1 && line[0] == 2 && line[1] == 0)
        return "; is it a store? see indexkv merge and export";
    if (length > 0 && line[0] == '{')
        return "; see --input-format jsonl";
    return memchr(line, ',', length) != NULL ? "; see --input-format csv" : "";
}

static int no_tab(struct pair_reader *reader, const char *line, size_t length)
{
    return pair_reader_bad(reader, "expected a key, a tab and a value, got no tab in %s%s",
                           excerpt_of(line, length).text, hint(reader, line, length));
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

/* Set reader->unescaped to the text without its escapes. */
static int unescape(struct pair_reader *reader, const char *text, size_t length)
{
    reader->unescaped.size = 0;
    enum unescape_result result = unescape_append(&reader->unescaped, text, length);
    if (result == UNESCAPE_BAD)
        return pair_reader_bad(reader, "expected n, t, r or a backslash after each backslash");
    if (result == UNESCAPE_DONE)
        return INPUT_MORE;
    reader->status = out_of_memory();
    return INPUT_FAILED;
}

typedef int (*parse_fn)(struct pair_reader *reader, const char *text, size_t length);

/* Parse the field before the next tab, and go on after it. INPUT_END: there is no tab. */
static int parse_field(struct pair_reader *reader, parse_fn parse, const char **line,
                       size_t *length)
{
    const char *field = *line, *tab = memchr(*line, '\t', *length);
    if (tab == NULL)
        return INPUT_END;
    size_t size = (size_t)(tab - field);
    *line = tab + 1;
    *length -= size + 1;
    if (!reader->format.escape)
        return parse(reader, field, size);
    int result = unescape(reader, field, size);
    return result == INPUT_MORE ? parse(reader, reader->unescaped.data, reader->unescaped.size)
                                : result;
}

/* Comments and empty lines. */
static bool is_skipped(const struct pair_reader *reader, const char *line, size_t length)
{
    const char comment = reader->format.comment;
    return length == 0 ? !reader->format.strict : comment != 0 && line[0] == comment;
}

int input_tsv_begin(struct pair_reader *reader)
{
    int result = next_line(reader);
    if (result != INPUT_MORE)
        return result == INPUT_FAILED ? result : INPUT_MORE;
    const char *line = reader->record;
    size_t length = reader->record_size;
    const bool quiet = reader->format.quiet;
    reader->format.quiet = true; /* the reader of the beginning says it */
    result = inspect_first_line(reader, &line, &length);
    reader->format.quiet = quiet;
    return result;
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
        if (reader->line == 1 && reader->input.part_begin == 0 &&
            (result = inspect_first_line(reader, &line, &length)) != INPUT_MORE)
            return result;
        if (reader->crlf && length > 0 && line[length - 1] == '\r')
            length--;
    } while (is_skipped(reader, line, length));

    int result = parse_field(reader, pair_reader_parse_key, &line, &length);
    if (result == INPUT_END)
        return no_tab(reader, line, length);
    if (result == INPUT_MORE && reader->format.ranges && !reader->has_last) {
        result = parse_field(reader, pair_reader_parse_last, &line, &length);
        if (result == INPUT_END)
            return pair_reader_bad(reader, "expected a first key, a last key and a value, got no "
                                           "second tab");
    }
    *ret_pair = (struct pair){reader->key, line, length};
    if (result == INPUT_MORE && reader->format.escape) {
        result = unescape(reader, line, length);
        *ret_pair = (struct pair){reader->key, reader->unescaped.size ? reader->unescaped.data : "",
                                  reader->unescaped.size};
    }
    if (result != INPUT_MORE)
        return result;
    return INPUT_MORE;
}
