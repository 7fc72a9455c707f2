/* JSON Lines: an object per line. The key is one of its members, the value another one or the line.
 */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/utf8.h"
#include "input/json_line.h"
#include "input/pair_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Members to look for; the output of get and scan has a _base64 instead of text that is not UTF-8.
 */
enum { KEY, KEY_BASE64, VALUE, VALUE_BASE64, MEMBERS };

/* The member that has `field` in base64. */
static char *base64_name(const char *field)
{
    const size_t size = strlen(field) + sizeof "_base64";
    char *name = malloc(size);
    if (name != NULL)
        snprintf(name, size, "%s_base64", field);
    return name;
}

int input_jsonl_open(struct pair_reader *reader)
{
    const struct pair_format *format = &reader->format;
    reader->key_base64 = base64_name(format->key_field);
    if (format->value_field != NULL)
        reader->value_base64 = base64_name(format->value_field);
    const bool done =
        reader->key_base64 != NULL && (format->value_field == NULL || reader->value_base64 != NULL);
    return done ? STATUS_DONE : out_of_memory();
}

void input_jsonl_close(struct pair_reader *reader)
{
    free(reader->key_base64);
    free(reader->value_base64);
    reader->key_base64 = reader->value_base64 = NULL;
}

/* Read a line that is not empty into reader->record. */
static int next_line(struct pair_reader *reader, const char **ret_line, size_t *ret_length)
{
    const size_t max = reader->format.line_max;
    do {
        reader->record = NULL;
        reader->position = reader->input.offset;
        int result = input_line(&reader->input, max, ret_line, ret_length);
        if (result != INPUT_MORE)
            return result;
        reader->line++;
        if (*ret_length > max)
            return pair_reader_too_long(reader, "line");
        reader->record = *ret_line;
        reader->record_size = *ret_length;
        if (reader->line == 1 && utf16_mark(*ret_line, *ret_length))
            return pair_reader_fail(reader, STATUS_USAGE, "expected UTF-8, got UTF-16");
        const size_t mark = reader->line == 1 ? utf8_mark(*ret_line, *ret_length) : 0;
        *ret_line += mark;
        *ret_length -= mark;
        if (*ret_length > 0 && (*ret_line)[*ret_length - 1] == '\r')
            --*ret_length;
    } while (*ret_length == 0 && !reader->format.strict);
    return INPUT_MORE;
}

/* The option that names a member that the first line lacks. */
static const char *hint(const struct pair_reader *reader, const char *field)
{
    if (reader->line != 1)
        return "";
    return field == reader->format.key_field ? "; see --key-field" : "; see --value-field";
}

/* Append the bytes of a member to reader->unescaped. */
static int append(struct pair_reader *reader, const struct json_wanted *plain,
                  const struct json_wanted *base64, const char *field)
{
    struct buffer *buffer = &reader->unescaped;
    const struct json_wanted *found = plain->text != NULL ? plain : base64;
    enum json_result result = JSON_DONE;
    if (plain->text != NULL && base64->text != NULL)
        return pair_reader_bad(reader, "expected %s or %s_base64, got both", field, field);
    if (found->text == NULL)
        return pair_reader_bad(reader, "expected an object with the member %s%s",
                               excerpt_of(field, strlen(field)).text, hint(reader, field));
    if (found == base64)
        result =
            found->is_string ? json_base64_append(buffer, found->text, found->length) : JSON_BAD;
    else if (found->is_string)
        result = json_string_append(buffer, found->text, found->length);
    else if (found->length == 4 && memcmp(found->text, "null", 4) == 0)
        return pair_reader_bad(reader, "expected a value of %s, got null",
                               excerpt_of(field, strlen(field)).text);
    else if (!buffer_append(buffer, found->text, found->length))
        result = JSON_NO_MEMORY;
    if (result == JSON_BAD)
        return pair_reader_bad(reader, "expected %s in %s",
                               found == base64 ? "base64" : "pairs of surrogates",
                               excerpt_of(field, strlen(field)).text);
    if (result == JSON_NO_MEMORY) {
        reader->status = out_of_memory();
        return INPUT_FAILED;
    }
    return INPUT_MORE;
}

int input_jsonl_next(struct pair_reader *reader, struct pair *ret_pair)
{
    const struct pair_format *format = &reader->format;
    struct json_wanted wanted[MEMBERS] = {{.name = format->key_field},
                                          {.name = reader->key_base64},
                                          {.name = format->value_field},
                                          {.name = reader->value_base64}};
    const char *line;
    size_t length;
    int result = next_line(reader, &line, &length);
    if (result != INPUT_MORE)
        return result;
    const char *problem = json_object_find(line, length, wanted, MEMBERS, &reader->unescaped);
    if (problem != NULL)
        return pair_reader_bad(reader, "expected %s", problem);
    struct buffer *buffer = &reader->unescaped;
    buffer->size = 0;
    if (!buffer_reserve(buffer, 1)) { /* so that there is a value to point to, if it is empty */
        reader->status = out_of_memory();
        return INPUT_FAILED;
    }
    result = append(reader, &wanted[KEY], &wanted[KEY_BASE64], format->key_field);
    if (result != INPUT_MORE)
        return result;
    const size_t key_end = buffer->size;
    if (format->value_field != NULL)
        result = append(reader, &wanted[VALUE], &wanted[VALUE_BASE64], format->value_field);
    if (result == INPUT_MORE)
        result = pair_reader_parse_key(reader, buffer->data, key_end);
    if (result != INPUT_MORE)
        return result;
    if (format->value_field != NULL)
        *ret_pair = (struct pair){reader->key, buffer->data + key_end, buffer->size - key_end};
    else
        *ret_pair = (struct pair){reader->key, line, length};
    return INPUT_MORE;
}
