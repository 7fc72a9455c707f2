/*
 * Binary input: pairs without separators, all numbers little-endian:
 *
 *     | key, key_width bytes | u32 size | value, size bytes |
 *
 * Ranges have two keys, the first and the last one.
 */
#include "base/exit_status.h"
#include "input/pair_reader.h"
#include "text/keys.h"

#include <inttypes.h>

enum { SIZE_BYTES = 4 };

static int truncated(struct pair_reader *reader, const char *what, uint64_t need)
{
    return pair_reader_bad(reader,
                           "expected %s of %" PRIu64 " bytes, got the end of the file after %zu",
                           what, need, input_available(&reader->input));
}

int input_binary_next(struct pair_reader *reader, struct pair *ret_pair)
{
    struct input *input = &reader->input;
    size_t keys = reader->format.ranges ? 2 : 1, head = keys * reader->key_width + SIZE_BYTES;
    reader->position = input->offset;
    if (input_part_ended(input))
        return INPUT_END;
    int result = input_need(input, head);
    if (result == INPUT_END && input_available(input) > 0)
        return truncated(reader, "a key and a size", head);
    if (result != INPUT_MORE)
        return result;

    const unsigned char *p = (const unsigned char *)input_text(input);
    key_bytes_convert(reader->format.key_type, reader->key, p);
    if (reader->format.ranges)
        key_bytes_convert(reader->format.key_type, reader->last, p + reader->key_width);
    p += keys * reader->key_width;
    if (reader->format.ranges && (result = pair_reader_check_range(reader)) != INPUT_MORE)
        return result;
    uint32_t size = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    if (reader->format.one_size && size != reader->format.value_size)
        return pair_reader_bad(reader, "expected a value of %" PRIu32 " bytes, got one of %" PRIu32,
                               reader->format.value_size, size);
    if (size > reader->format.line_max)
        return pair_reader_too_long(reader, "value");
    input_consume(input, head);
    result = input_need(input, size);
    if (result == INPUT_END)
        return truncated(reader, "a value", size);
    if (result != INPUT_MORE)
        return result;
    *ret_pair = (struct pair){reader->key, input_text(input), size};
    input_consume(input, size);
    return INPUT_MORE;
}
