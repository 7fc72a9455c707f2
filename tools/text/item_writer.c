#include "text/item_writer.h"

#include "text/json.h"
#include "text/keys.h"

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

static void write_tsv_key(const struct item_writer *writer, const struct item_key *key)
{
    char buffer[IKV_KEY_TEXT_MAX];
    size_t length;
    const char *text = key_text(writer, key, buffer, &length);
    output_bytes(writer->output, text, length);
    output_bytes(writer->output, "\t", 1);
}

static void write_tsv(const struct item_writer *writer, const struct item_key *key,
                      const struct item_key *matched, const void *value, uint32_t size)
{
    if (writer->with_key)
        write_tsv_key(writer, key);
    if (writer->with_matched)
        write_tsv_key(writer, matched);
    if (value != NULL)
        output_untrusted(writer->output, value, size, false);
    output_bytes(writer->output, "\n", 1);
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
    uint32_t size_field = value != NULL ? size : NO_VALUE;
    const unsigned char size_bytes[4] = {
        (unsigned char)size_field, (unsigned char)(size_field >> 8),
        (unsigned char)(size_field >> 16), (unsigned char)(size_field >> 24)};
    output_bytes(writer->output, size_bytes, sizeof size_bytes);
    if (value != NULL)
        output_bytes(writer->output, value, size);
}

void item_write(const struct item_writer *writer, const struct item_key *key,
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
