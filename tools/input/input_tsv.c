/* TSV input: lines of key, tab, value. The value is the rest of the line and may contain any bytes
 * but LF. */
#include "input/pair_reader.h"

#include "base/message.h"
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

int input_tsv_next(struct pair_reader *reader, struct pair *ret_pair)
{
    reader->position = reader->input.offset;
    int result = next_line(reader);
    if (result != INPUT_MORE)
        return result;
    const char *line = reader->record;
    size_t length = reader->record_size;
    const char *tab = memchr(line, '\t', length);
    if (tab == NULL)
        return no_tab(reader, line, length);
    size_t key_length = (size_t)(tab - line);
    result = pair_reader_parse_key(reader, line, key_length);
    if (result != INPUT_MORE)
        return result;
    *ret_pair = (struct pair){reader->key, tab + 1, length - key_length - 1};
    return INPUT_MORE;
}
