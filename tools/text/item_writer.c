#include "text/item_writer.h"

#include "base/message.h"
#include "text/escape.h"
#include "text/json.h"
#include "text/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The size field of a missing key in binary output. */
#define NO_VALUE UINT32_MAX

/* The text of a key, formatted in `buffer` unless the key has a text. */
static const char *key_text(const struct item_writer *writer, const struct item_key *key,
                            char buffer[IKV_KEY_TEXT_MAX], size_t *ret_length)
{
    if (key->text != NULL) {
        *ret_length = key->text_length;
        return key->text;
    }
    int length = 0;
    if (key->key != NULL)
        length = ikv_key_format(writer->key_type, key->syntax, key->key, buffer, IKV_KEY_TEXT_MAX);
    *ret_length = length < 0 ? 0 : (size_t)length;
    return buffer;
}

/* Whether the text can be mistaken for more than one line or field. */
static bool is_ambiguous(const struct item_writer *writer, const void *text, size_t size)
{
    if (size == 0)
        return false;
    if (writer->nul)
        return memchr(text, '\0', size) != NULL;
    return !writer->escape && !writer->output->terminal && text_breaks_line(text, size);
}

/* Whether the text of the key can have tabs or line breaks in it: a raw one, or one that was not
 * valid. */
static bool is_raw(const struct item_key *key)
{
    return key->syntax == IKV_SYNTAX_TEXT || key->key == NULL;
}

/* Write a key without tabs and line breaks, and a tab. False: there is no room for them. */
static bool put_key(const struct item_writer *writer, const struct item_key *key)
{
    struct output *output = writer->output;
    const size_t most = key->text != NULL ? key->text_length : IKV_KEY_TEXT_MAX;
    char *to = (char *)output_room(output, most + 1);
    int length = (int)key->text_length;
    if (to == NULL)
        return false;
    if (key->text != NULL)
        memcpy(to, key->text, key->text_length);
    else
        length = ikv_key_format(writer->key_type, key->syntax, key->key, to, IKV_KEY_TEXT_MAX);
    length = length < 0 ? 0 : length;
    to[length] = '\t';
    output->used += (size_t)length + 1;
    return true;
}

static bool write_tsv_key(const struct item_writer *writer, const struct item_key *key)
{
    char buffer[IKV_KEY_TEXT_MAX];
    size_t length;
    if (!is_raw(key) && !writer->output->terminal && put_key(writer, key))
        return false;
    const char *text = key_text(writer, key, buffer, &length);
    if (writer->escape)
        escape_write(writer->output, text, length);
    else
        output_untrusted(writer->output, text, length, false);
    output_bytes(writer->output, "\t", 1);
    return is_ambiguous(writer, text, length);
}

static void count_ambiguous(struct item_writer *writer, const struct item_key *key)
{
    if (writer->ambiguous++ > 0)
        return;
    if (!writer->with_key) {
        snprintf(writer->first_ambiguous, sizeof writer->first_ambiguous, "value %" PRIu64,
                 writer->lines);
        return;
    }
    char buffer[IKV_KEY_TEXT_MAX];
    size_t length;
    const char *text = key_text(writer, key, buffer, &length);
    snprintf(writer->first_ambiguous, sizeof writer->first_ambiguous, "that of key %s",
             excerpt_of(text, length).text);
}

/* The last key of a range, of which the matched key, or else the key, is the first one. */
static struct item_key last_key(const struct item_writer *writer, const struct item_key *key,
                                const struct item_key *matched)
{
    const struct item_key *first = writer->with_matched ? matched : key;
    return (struct item_key){.key = first->last, .syntax = first->syntax};
}

/* Write a value, which may be NULL, and the end of the line. Returns whether it is ambiguous. */
static bool write_tsv_value(const struct item_writer *writer, const void *value, size_t size)
{
    struct output *output = writer->output;
    unsigned char *to = NULL;
    size = value != NULL ? size : 0;
    if (!writer->escape && !writer->nul && !output->terminal)
        to = output_room(output, size + 1);
    if (to != NULL) {
        const bool control = size > 0 && text_copy(to, value, size);
        to[size] = '\n';
        output->used += size + 1;
        return control && text_breaks_line(value, size);
    }
    if (writer->escape)
        escape_write(output, value, size);
    else
        output_untrusted(output, value, size, false);
    output_bytes(output, writer->nul ? "\0" : "\n", 1);
    return is_ambiguous(writer, value, size);
}

static void write_tsv(struct item_writer *writer, const struct item_key *key,
                      const struct item_key *matched, const void *value, uint32_t size)
{
    bool ambiguous = false;
    writer->lines++;
    if (writer->with_key)
        ambiguous |= write_tsv_key(writer, key);
    if (writer->with_matched)
        ambiguous |= write_tsv_key(writer, matched);
    const struct item_key last = last_key(writer, key, matched);
    if (writer->with_last)
        ambiguous |= write_tsv_key(writer, &last);
    ambiguous |= write_tsv_value(writer, value, size);
    if (ambiguous)
        count_ambiguous(writer, key);
}

void item_writer_add(struct item_writer *total, const struct item_writer *part)
{
    if (total->ambiguous == 0 && part->ambiguous > 0)
        memcpy(total->first_ambiguous, part->first_ambiguous, sizeof total->first_ambiguous);
    total->ambiguous += part->ambiguous;
    total->lines += part->lines;
}

void item_writer_warn(const struct item_writer *writer, const char *path)
{
    if (writer->ambiguous == 0)
        return;
    message("%s: %" PRIu64 " line%s contain%s %s, the first %s; %s", path, writer->ambiguous,
            writer->ambiguous == 1 ? "" : "s", writer->ambiguous == 1 ? "s" : "",
            writer->nul ? "NULs" : "more tabs or line breaks", writer->first_ambiguous,
            writer->nul ? "see --escape" : "see --escape and --null");
}

static void write_json_key(const struct item_writer *writer, const char *name,
                           const struct item_key *key)
{
    char buffer[IKV_KEY_TEXT_MAX];
    size_t length;
    const char *text = key_text(writer, key, buffer, &length);
    json_bytes_member(writer->output, name, text, length);
    output_bytes(writer->output, ",", 1);
}

static void write_jsonl(const struct item_writer *writer, const struct item_key *key,
                        const struct item_key *matched, const void *value, uint32_t size)
{
    output_bytes(writer->output, "{", 1);
    if (writer->with_key)
        write_json_key(writer, "key", key);
    if (writer->with_matched && value != NULL)
        write_json_key(writer, "matched", matched);
    else if (writer->with_matched)
        output_text(writer->output, "\"matched\":null,");
    const struct item_key last = last_key(writer, key, matched);
    if (writer->with_last && value != NULL)
        write_json_key(writer, "last", &last);
    else if (writer->with_last)
        output_text(writer->output, "\"last\":null,");
    if (value != NULL)
        json_bytes_member(writer->output, "value", value, size);
    else
        output_text(writer->output, "\"value\":null");
    output_bytes(writer->output, "}\n", 2);
}

static void write_binary_key(const struct item_writer *writer, const struct item_key *key)
{
    unsigned char bytes[IKV_KEY_WIDTH_MAX] = {0};
    if (key->key != NULL)
        key_bytes_convert(writer->key_type, bytes, key->key);
    output_bytes(writer->output, bytes, writer->key_width);
}

static void write_binary(const struct item_writer *writer, const struct item_key *key,
                         const struct item_key *matched, const void *value, uint32_t size)
{
    if (writer->with_key)
        write_binary_key(writer, key);
    if (writer->with_matched)
        write_binary_key(writer, matched);
    const struct item_key last = last_key(writer, key, matched);
    if (writer->with_last)
        write_binary_key(writer, &last);
    uint32_t size_field = value != NULL ? size : NO_VALUE;
    const unsigned char size_bytes[4] = {
        (unsigned char)size_field, (unsigned char)(size_field >> 8),
        (unsigned char)(size_field >> 16), (unsigned char)(size_field >> 24)};
    output_bytes(writer->output, size_bytes, sizeof size_bytes);
    if (value != NULL)
        output_bytes(writer->output, value, size);
}

void item_write(struct item_writer *writer, const struct item_key *key,
                const struct item_key *matched, const void *value, uint32_t size)
{
    switch (writer->format) {
    case OUTPUT_TSV:
        write_tsv(writer, key, matched, value, size);
        break;
    case OUTPUT_JSONL:
        write_jsonl(writer, key, matched, value, size);
        break;
    case OUTPUT_RAW:
        if (value != NULL)
            output_untrusted(writer->output, value, size, true);
        break;
    case OUTPUT_BINARY:
        write_binary(writer, key, matched, value, size);
        break;
    }
}
