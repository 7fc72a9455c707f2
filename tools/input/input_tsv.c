/* TSV input: lines of key, tab, value. The value is the rest of the line and may contain any bytes
 * but LF. */
#include "base/exit_status.h"
#include "base/message.h"
#include "input/pair_reader.h"

#include <string.h>

int input_tsv_next(struct pair_reader *reader, struct pair *ret_pair)
{
    const char *line;
    size_t length, max_length = pair_reader_line_max();
    reader->position = reader->input.offset;
    int result = input_line(&reader->input, max_length, &line, &length);
    if (result != INPUT_MORE)
        return result;
    reader->line++;
    if (length > max_length)
        return pair_reader_fail(reader, STATUS_USAGE,
                                "expected a value of at most %u bytes, got a longer line",
                                IKV_VALUE_SIZE_MAX);
    const char *tab = memchr(line, '\t', length);
    if (tab == NULL)
        return pair_reader_fail(reader, STATUS_USAGE,
                                "expected a key, a tab and a value, got no tab in %s",
                                excerpt_of(line, length).text);
    size_t key_length = (size_t)(tab - line);
    result = pair_reader_parse_key(reader, line, key_length);
    if (result != INPUT_MORE)
        return result;
    *ret_pair = (struct pair){reader->key, tab + 1, length - key_length - 1};
    return INPUT_MORE;
}
