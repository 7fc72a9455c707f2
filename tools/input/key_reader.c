#include "input/key_reader.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/utf8.h"
#include "text/escape.h"
#include "text/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Limits the memory of a batch whose keys have many leading zeros. */
#define BATCH_TEXT_MAX ((size_t)64 << 20)

void key_reader_from_arguments(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                               char **arguments, size_t count)
{
    *reader = (struct key_reader){.type = type,
                                  .width = ikv_key_width(type),
                                  .syntax = syntax,
                                  .arguments = arguments,
                                  .argument_count = count,
                                  .input = {.fd = -1}};
}

int key_reader_from_file(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                         const char *path, bool binary, struct rejects *rejects)
{
    *reader = (struct key_reader){.type = type,
                                  .width = ikv_key_width(type),
                                  .syntax = syntax,
                                  .binary = binary,
                                  .rejects = rejects};
    int status = input_open(&reader->input, path);
    reader->input.decompress = !binary; /* any bytes can be the beginning of binary keys */
    return status;
}

void key_reader_close(struct key_reader *reader)
{
    if (reader->arguments == NULL)
        input_close(&reader->input);
    buffer_free(&reader->unescaped);
}

static int fail(struct key_reader *reader, int status)
{
    reader->status = status;
    return INPUT_FAILED;
}

/* Why a key is bad, in `reason`. */
static void describe(const struct key_reader *reader, int code, const char *text, size_t length,
                     char *reason, size_t size)
{
    char type_name[16];
    snprintf(reason, size, "expected a key of type %s, got %s%s",
             ikv_key_type_name(reader->type, type_name, sizeof type_name),
             excerpt_of(text, length).text,
             code == IKV_E_KEY_RANGE ? ", which is out of its range" : "");
}

static int keep_bad(struct key_reader *reader, struct key_batch *batch, const char *text,
                    size_t length)
{
    if (!buffer_append(&batch->bad_texts, text, length))
        return fail(reader, out_of_memory());
    const struct bad_line bad = {batch->count, batch->bad_texts.size};
    if (!buffer_append(&batch->bad_lines, &bad, sizeof bad))
        return fail(reader, out_of_memory());
    batch->bad_count++;
    return INPUT_MORE;
}

static void reject_part(void *user, const char *part, size_t size)
{
    rejects_part(user, part, size);
}

/* Report a bad key, or skip it. `too_long`: `text` is the beginning of a line not yet consumed. */
static int bad_key(struct key_reader *reader, struct key_batch *batch, int code, const char *text,
                   size_t length, bool too_long)
{
    char reason[256];
    describe(reader, code, text, length, reason, sizeof reason);
    struct rejects *rejects = reader->rejects;
    if (reader->arguments != NULL || rejects == NULL || !rejects->options.skip) {
        (void)input_drain(&reader->input);
        if (reader->arguments != NULL)
            message("%s", reason);
        else
            message("%s:%" PRIu64 ": %s", reader->input.name, reader->line, reason);
        return fail(reader, STATUS_USAGE);
    }
    if (reader->report_bad)
        message("%s:%" PRIu64 ": %s", reader->input.name, reader->line, reason);
    if (too_long)
        length = KEY_INPUT_MAX;
    if (reader->keep_bad && keep_bad(reader, batch, text, length) != INPUT_MORE)
        return INPUT_FAILED;
    rejects_begin(rejects, reader->input.name, reader->line, reason);
    if (!too_long)
        rejects_part(rejects, reader->raw, reader->raw_length);
    else if (input_skip_line(&reader->input, reject_part, rejects) == INPUT_FAILED)
        return fail(reader, reader->input.status);
    int status = rejects_end(rejects);
    return status == STATUS_DONE ? INPUT_BAD : fail(reader, status);
}

static int add_text_key(struct key_reader *reader, struct key_batch *batch, const char *text,
                        size_t length)
{
    if (length > KEY_INPUT_MAX)
        return bad_key(reader, batch, IKV_E_KEY_SYNTAX, text, length, reader->arguments == NULL);
    if (!buffer_reserve(&batch->keys, reader->width))
        return fail(reader, out_of_memory());
    int code = ikv_key_parse(reader->type, reader->syntax, text, length,
                             batch->keys.data + batch->keys.size);
    if (code != 0)
        return bad_key(reader, batch, code, text, length, false);
    if (!buffer_append(&batch->texts, text, length) ||
        !buffer_append(&batch->text_ends, &batch->texts.size, sizeof batch->texts.size))
        return fail(reader, out_of_memory());
    batch->keys.size += reader->width;
    batch->count++;
    return INPUT_MORE;
}

static int add_escaped_key(struct key_reader *reader, struct key_batch *batch, const char *text,
                           size_t length)
{
    reader->unescaped.size = 0;
    switch (unescape_append(&reader->unescaped, text, length)) {
    case UNESCAPE_NO_MEMORY:
        return fail(reader, out_of_memory());
    case UNESCAPE_BAD:
        return bad_key(reader, batch, IKV_E_KEY_SYNTAX, text, length, false);
    case UNESCAPE_DONE:
        break;
    }
    return add_text_key(reader, batch, reader->unescaped.data, reader->unescaped.size);
}

/* A key per line, which ends with LF or CR LF, or with NUL. */
static int read_text_key(struct key_reader *reader, struct key_batch *batch)
{
    const char *line;
    size_t length;
    int result = input_line(&reader->input, KEY_INPUT_MAX, &line, &length);
    if (result == INPUT_FAILED)
        return fail(reader, reader->input.status);
    if (result == INPUT_END)
        return result;
    reader->line++;
    reader->raw = line;
    reader->raw_length = length;
    if (length > KEY_INPUT_MAX)
        return add_text_key(reader, batch, line, length);
    if (reader->line == 1 && utf16_mark(line, length)) {
        message("%s:1: expected UTF-8, got UTF-16", reader->input.name);
        return fail(reader, STATUS_USAGE);
    }
    if (reader->input.line_end == '\n')
        key_text_trim(reader->type, reader->syntax, reader->line == 1, &line, &length);
    if (reader->escape && memchr(line, '\\', length) != NULL)
        return add_escaped_key(reader, batch, line, length);
    return add_text_key(reader, batch, line, length);
}

static int read_binary_key(struct key_reader *reader, struct key_batch *batch)
{
    struct input *input = &reader->input;
    int result = input_need(input, reader->width);
    if (result == INPUT_FAILED)
        return fail(reader, input->status);
    if (result == INPUT_END && input_available(input) > 0) {
        (void)input_drain(input);
        message("%s: offset %" PRIu64 ": expected a key of %zu bytes, got the end of the file "
                "after %zu",
                input->name, input->offset, reader->width, input_available(input));
        return fail(reader, STATUS_USAGE);
    }
    if (result == INPUT_END)
        return result;
    if (!buffer_reserve(&batch->keys, reader->width))
        return fail(reader, out_of_memory());
    key_bytes_convert(reader->type, batch->keys.data + batch->keys.size, input_text(input));
    input_consume(input, reader->width);
    batch->keys.size += reader->width;
    batch->count++;
    return INPUT_MORE;
}

static int read_key(struct key_reader *reader, struct key_batch *batch)
{
    if (reader->arguments == NULL)
        return reader->binary ? read_binary_key(reader, batch) : read_text_key(reader, batch);
    if (reader->argument_next == reader->argument_count)
        return INPUT_END;
    const char *text = reader->arguments[reader->argument_next++];
    return add_text_key(reader, batch, text, strlen(text));
}

/* Whether the batch has room for another key. */
static bool has_room(const struct key_batch *batch, size_t limit)
{
    return batch->count + batch->bad_count < limit &&
           batch->texts.size + batch->bad_texts.size < BATCH_TEXT_MAX;
}

int key_reader_next(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    batch->count = batch->bad_count = 0;
    batch->keys.size = batch->texts.size = batch->text_ends.size = 0;
    batch->bad_lines.size = batch->bad_texts.size = 0;
    if (reader->status != STATUS_DONE)
        return INPUT_FAILED;
    while (has_room(batch, limit)) {
        bool empty = batch->count + batch->bad_count == 0;
        if (!empty && reader->arguments == NULL && reader->input.terminal &&
            input_would_block(&reader->input))
            break;
        int result = read_key(reader, batch);
        if (result != INPUT_MORE && result != INPUT_BAD)
            return empty ? result : INPUT_MORE;
    }
    return INPUT_MORE;
}

const char *key_batch_text(const struct key_batch *batch, size_t i, size_t *ret_length)
{
    if (batch->text_ends.size == 0)
        return NULL;
    const size_t *ends = (const size_t *)(const void *)batch->text_ends.data;
    size_t start = i == 0 ? 0 : ends[i - 1];
    *ret_length = ends[i] - start;
    return batch->texts.data + start;
}

const char *key_batch_bad_text(const struct key_batch *batch, size_t i, size_t *ret_length,
                               size_t *ret_before)
{
    const struct bad_line *lines = (const struct bad_line *)(const void *)batch->bad_lines.data;
    size_t start = i == 0 ? 0 : lines[i - 1].text_end;
    *ret_length = lines[i].text_end - start;
    *ret_before = lines[i].before;
    if (*ret_length == 0) /* no text at all: no memory, either */
        return "";
    return batch->bad_texts.data + start;
}

void key_batch_free(struct key_batch *batch)
{
    buffer_free(&batch->keys);
    buffer_free(&batch->texts);
    buffer_free(&batch->text_ends);
    buffer_free(&batch->bad_lines);
    buffer_free(&batch->bad_texts);
}
