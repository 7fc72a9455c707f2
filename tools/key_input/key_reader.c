#include "key_input/key_reader.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/utf8.h"
#include "text/key_problem.h"
#include "text/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Limits the memory of a batch whose keys have many leading zeros. */
#define BATCH_TEXT_MAX ((size_t)64 << 20)

void key_reader_from_arguments(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                               char **arguments, size_t count)
{
    *reader = (struct key_reader){.format = {.type = type,
                                             .width = ikv_key_width(type),
                                             .syntax = syntax,
                                             .line_end = '\0',
                                             .stop_at_bad = true},
                                  .arguments = arguments,
                                  .argument_count = count,
                                  .input = {.fd = -1}};
}

int key_reader_from_file(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                         const char *path, bool binary, struct rejects *rejects)
{
    *reader = (struct key_reader){.format = {.type = type,
                                             .width = ikv_key_width(type),
                                             .syntax = syntax,
                                             .binary = binary,
                                             .line_end = '\n',
                                             .of_file = true},
                                  .rejects = rejects};
    reader->format.stop_at_bad = rejects == NULL || !rejects->options.skip;
    int status = input_open(&reader->input, path);
    reader->input.decompress = !binary; /* any bytes can be the beginning of binary keys */
    return status;
}

void key_reader_close(struct key_reader *reader)
{
    if (reader->arguments == NULL)
        input_close(&reader->input);
}

int key_reader_part(struct key_reader *reader, uint64_t begin, uint64_t end)
{
    reader->line = begin > 0; /* only the first line of the file has number 1 */
    return input_part(&reader->input, begin, end, !reader->format.binary) == INPUT_FAILED
               ? reader->input.status
               : STATUS_DONE;
}

/* The number in its file of a line whose number in the part is `number`. */
static uint64_t number_in_file(struct key_reader *reader, uint64_t number)
{
    return reader->input.part_begin > 0 ? number - 1 + input_lines_before(&reader->input) : number;
}

static int fail(struct key_reader *reader, int status)
{
    reader->status = status;
    return INPUT_FAILED;
}

/* ---------------------------------------------------------------- bad lines */

/* Why a line is bad, in `reason`. */
static void describe(const struct key_reader *reader, int code, const char *text, size_t length,
                     char *reason, size_t size)
{
    key_problem(reader->format.type, reader->format.syntax, code, text, length, reason, size);
}

/* A bad line ends the job. */
static int end_at(struct key_reader *reader, uint64_t number, const char *reason)
{
    if (reader->arguments != NULL)
        snprintf(reader->ending, sizeof reader->ending, "%s", reason);
    else
        snprintf(reader->ending, sizeof reader->ending, "%.300s:%" PRIu64 ": %s",
                 reader->input.name, number, reason);
    return STATUS_USAGE;
}

void key_reader_report(const struct key_reader *reader)
{
    if (reader->ending[0] != '\0')
        message("%s", reader->ending);
}

static int settle_line(struct key_reader *reader, const struct key_batch *batch,
                       const struct bad_line *bad)
{
    const uint64_t number = number_in_file(reader, bad->number);
    char reason[256];
    describe(reader, bad->code, batch->lines.data + bad->text.start, bad->text.length, reason,
             sizeof reason);
    if (reader->format.stop_at_bad)
        return end_at(reader, number, reason);
    if (reader->report_bad)
        message("%s:%" PRIu64 ": %s", reader->input.name, number, reason);
    rejects_begin(reader->rejects, reader->input.name, number, reason);
    rejects_part(reader->rejects, batch->lines.data + bad->line.start, bad->line.length);
    return rejects_end(reader->rejects);
}

int key_reader_settle(struct key_reader *reader, struct key_batch *batch)
{
    for (size_t i = 0; i < batch->bad_count; i++) {
        const struct bad_line *bad = key_batch_bad(batch, i);
        const int status = bad->is_settled ? STATUS_DONE : settle_line(reader, batch, bad);
        if (status == STATUS_DONE)
            continue;
        batch->count = bad->before;
        batch->bad_count = i;
        return status;
    }
    return STATUS_DONE;
}

static void reject_part(void *user, const char *part, size_t size)
{
    rejects_part(user, part, size);
}

/* A line that is too long to keep: it is a batch of its own, and is settled at once. */
static int reject_long_line(struct key_reader *reader, struct key_batch *batch)
{
    struct input *input = &reader->input;
    char reason[256];
    const uint64_t number = number_in_file(reader, ++reader->line);
    describe(reader, IKV_E_KEY_SYNTAX, input_text(input), input_available(input), reason,
             sizeof reason);
    if (!input_drain(input)) /* the lines before are settled first */
        return INPUT_FAILED;
    if (reader->format.stop_at_bad) {
        fail(reader, end_at(reader, number, reason));
        key_reader_report(reader);
        return INPUT_FAILED;
    }
    if (reader->report_bad)
        message("%s:%" PRIu64 ": %s", input->name, number, reason);
    const struct bad_line bad = {.number = reader->line,
                                 .text = {0, KEY_INPUT_MAX},
                                 .line = {0, KEY_INPUT_MAX},
                                 .is_settled = true};
    if (!buffer_append(&batch->lines, input_text(input), KEY_INPUT_MAX) ||
        !key_batch_add_bad(batch, &bad))
        return fail(reader, out_of_memory());
    rejects_begin(reader->rejects, input->name, number, reason);
    if (input_skip_line(input, reject_part, reader->rejects) == INPUT_FAILED)
        return fail(reader, input->status);
    int status = rejects_end(reader->rejects);
    return status == STATUS_DONE ? INPUT_MORE : fail(reader, status);
}

/* ---------------------------------------------------------------- lines */

/* Whether the batch has room for another line. */
static bool has_room(const struct key_batch *batch, size_t limit)
{
    return batch->line_count < limit && batch->lines.size < BATCH_TEXT_MAX;
}

static int read_arguments(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    while (reader->argument_next < reader->argument_count && has_room(batch, limit)) {
        const char *text = reader->arguments[reader->argument_next++];
        if (!buffer_append(&batch->lines, text, strlen(text) + 1))
            return fail(reader, out_of_memory());
        batch->line_count++;
    }
    return batch->line_count > 0 ? INPUT_MORE : INPUT_END;
}

/* The rest of the input, which lacks the end of its line. */
static int read_last_line(struct key_reader *reader, struct key_batch *batch)
{
    struct input *input = &reader->input;
    const size_t length = input_available(input);
    if (!buffer_append(&batch->lines, input_text(input), length) ||
        !buffer_append(&batch->lines, &reader->format.line_end, 1))
        return fail(reader, out_of_memory());
    input_consume(input, length);
    batch->line_count++;
    return INPUT_MORE;
}

/* Copy the lines that are in the input's buffer. */
static bool copy_lines(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    size_t count;
    if (input_available(&reader->input) == 0) /* also before the first read, without a buffer */
        return true;
    const size_t size = input_lines(&reader->input, limit - batch->line_count, &count);
    if (!buffer_append(&batch->lines, input_text(&reader->input), size))
        return false;
    if (count > 0)
        input_consume(&reader->input, size);
    batch->line_count += count;
    return true;
}

/* Lines end with LF or CR LF, or with NUL. */
static int read_lines(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    struct input *input = &reader->input;
    for (;;) {
        if (!input_part_ended(input) && !copy_lines(reader, limit, batch))
            return fail(reader, out_of_memory());
        const bool some = batch->line_count > 0;
        if (input_part_ended(input))
            return some ? INPUT_MORE : INPUT_END;
        if (!has_room(batch, limit) || (some && input->terminal))
            return INPUT_MORE;
        if (some && !reader->fill_batches && input_is_idle(input))
            return INPUT_MORE;
        if (input_available(input) > KEY_INPUT_MAX)
            return some ? INPUT_MORE : reject_long_line(reader, batch);
        int result = input_fill(input);
        if (result == INPUT_FAILED)
            (void)fail(reader, input->status);
        if (result == INPUT_END && input_available(input) > 0)
            return read_last_line(reader, batch);
        if (result != INPUT_MORE)
            return some ? INPUT_MORE : result;
    }
}

static int read_text(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    const bool first = reader->line == 0;
    batch->first_line = reader->line + 1;
    int result = read_lines(reader, limit, batch);
    reader->line += batch->line_count;
    if (first && result == INPUT_MORE && utf16_mark(batch->lines.data, batch->lines.size)) {
        message("%s:1: expected UTF-8, got UTF-16", reader->input.name);
        return fail(reader, STATUS_USAGE);
    }
    return result;
}

static int read_binary(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    struct input *input = &reader->input;
    const size_t width = reader->format.width;
    while (has_room(batch, limit)) {
        if (input_part_ended(input))
            return batch->line_count > 0 ? INPUT_MORE : INPUT_END;
        int result = input_need(input, width);
        if (result == INPUT_FAILED)
            (void)fail(reader, input->status);
        if (result == INPUT_END && input_available(input) > 0 && batch->line_count == 0) {
            (void)input_drain(input);
            message("%s: offset %" PRIu64 ": expected a key of %zu bytes, got the end of the file "
                    "after %zu",
                    input->name, input->offset, width, input_available(input));
            return fail(reader, STATUS_USAGE);
        }
        if (result != INPUT_MORE)
            return batch->line_count > 0 ? INPUT_MORE : result;
        size_t count = input_available(input) / width;
        if (input->part_end != 0 && count > (input->part_end - input->offset) / width)
            count = (size_t)((input->part_end - input->offset) / width);
        if (count > limit - batch->line_count)
            count = limit - batch->line_count;
        if (!buffer_append(&batch->lines, input_text(input), count * width))
            return fail(reader, out_of_memory());
        input_consume(input, count * width);
        batch->line_count += count;
    }
    return INPUT_MORE;
}

int key_reader_lines(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    key_batch_clear(batch);
    if (reader->status != STATUS_DONE)
        return INPUT_FAILED;
    if (reader->arguments != NULL)
        return read_arguments(reader, limit, batch);
    return reader->format.binary ? read_binary(reader, limit, batch)
                                 : read_text(reader, limit, batch);
}

int key_reader_next(struct key_reader *reader, size_t limit, struct key_batch *batch)
{
    int result = key_reader_lines(reader, limit, batch);
    if (result != INPUT_MORE)
        return result;
    if (!key_batch_parse(batch, &reader->format))
        return fail(reader, out_of_memory());
    int status = key_reader_settle(reader, batch);
    if (status == STATUS_DONE)
        return INPUT_MORE;
    key_reader_report(reader);
    (void)fail(reader, status);
    return batch->count + batch->bad_count > 0 ? INPUT_MORE : INPUT_FAILED;
}
