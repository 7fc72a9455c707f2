#include "input/pair_reader.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "text/key_problem.h"
#include "text/keys.h"
#include "text/network.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Check that all inputs exist before reading the first one, and add up their sizes for progress. */
static int stat_inputs(struct pair_reader *reader)
{
    bool known = true;
    for (size_t i = 0; i < reader->path_count; i++) {
        const char *path = reader->paths[i];
        struct stat status;
        int result = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &status) : stat(path, &status);
        if (result != 0) {
            message("%s: %s", path, strerror(errno));
            return STATUS_IO;
        }
        known = known && S_ISREG(status.st_mode);
        reader->total_bytes += (uint64_t)status.st_size;
    }
    if (!known)
        reader->total_bytes = 0;
    return STATUS_DONE;
}

int pair_reader_open(struct pair_reader *reader, const struct pair_format *format, char **paths,
                     size_t count, struct rejects *rejects)
{
    *reader = (struct pair_reader){.format = *format,
                                   .key_width = ikv_key_width(format->key_type),
                                   .paths = paths,
                                   .path_count = count,
                                   .rejects = rejects};
    int status = stat_inputs(reader);
    if (status == STATUS_DONE && format->format == INPUT_CSV)
        status = input_csv_open(reader);
    if (status == STATUS_DONE && format->format == INPUT_JSONL)
        status = input_jsonl_open(reader);
    return status;
}

void pair_reader_close(struct pair_reader *reader)
{
    if (reader->input_is_open)
        input_close(&reader->input);
    reader->input_is_open = false;
    input_csv_close(reader);
    input_jsonl_close(reader);
    buffer_free(&reader->unescaped);
}

/* Go to a part of the file that was just opened, except that its beginning goes on after a header.
 * A part without a line reads as an empty file. */
static int begin_part(struct pair_reader *reader, const struct file_part *part)
{
    const enum input_format format = reader->format.format;
    if (part->begin == 0) {
        reader->input.part_end = part->end;
        return INPUT_MORE;
    }
    if (format == INPUT_TSV && input_tsv_begin(reader) == INPUT_FAILED)
        return INPUT_FAILED;
    const uint64_t header = reader->input.offset;
    const uint64_t begin = format == INPUT_CSV && part->begin < header ? header : part->begin;
    const int result = input_part(&reader->input, begin, part->end, format != INPUT_BINARY);
    reader->line = format == INPUT_CSV ? 1 : 0;
    return result == INPUT_FAILED ? result : INPUT_MORE;
}

/* Open the next file. INPUT_END: there is none. */
static int next_input(struct pair_reader *reader)
{
    if (reader->input_is_open) {
        reader->finished_bytes += input_position(&reader->input);
        reader->finished_seconds += reader->input.seconds;
        input_close(&reader->input);
        reader->input_is_open = false;
    }
    if (reader->path_next == reader->path_count)
        return INPUT_END;
    const size_t number = reader->path_next++;
    reader->status = input_open(&reader->input, reader->paths[number]);
    if (reader->status != STATUS_DONE)
        return INPUT_FAILED;
    reader->input_is_open = true;
    /* Any bytes can be the beginning of binary input. */
    reader->input.decompress = reader->format.format != INPUT_BINARY;
    reader->line = 0;
    reader->crlf = reader->format.line_ends == LINE_ENDS_CRLF;
    if (reader->format.nul)
        reader->input.line_end = '\0';
    const struct file_part *part = reader->parts != NULL ? &reader->parts[number] : NULL;
    int result = reader->format.format == INPUT_CSV ? input_csv_begin(reader) : INPUT_MORE;
    if (part == NULL || part->end == 0 || result != INPUT_MORE)
        return result;
    return begin_part(reader, part);
}

static int next_record(struct pair_reader *reader, struct pair *ret_pair)
{
    switch (reader->format.format) {
    case INPUT_TSV:
        return input_tsv_next(reader, ret_pair);
    case INPUT_CSV:
        return input_csv_next(reader, ret_pair);
    case INPUT_JSONL:
        return input_jsonl_next(reader, ret_pair);
    case INPUT_BINARY:
        break;
    }
    return input_binary_next(reader, ret_pair);
}

static void reject_part(void *user, const char *part, size_t size)
{
    rejects_part(user, part, size);
}

/* Skip the last record, or report it. */
static int handle_bad(struct pair_reader *reader)
{
    struct rejects *rejects = reader->rejects;
    if (!rejects->options.skip || reader->format.format == INPUT_BINARY)
        return pair_reader_fail(reader, STATUS_USAGE, "%s", reader->reason);
    rejects_begin(rejects, reader->input.name, pair_reader_line(reader), reader->reason);
    if (reader->record != NULL)
        rejects_part(rejects, reader->record, reader->record_size);
    else if (input_skip_line(&reader->input, reject_part, rejects) == INPUT_FAILED)
        return INPUT_FAILED;
    reader->status = rejects_end(rejects);
    return reader->status == STATUS_DONE ? INPUT_MORE : INPUT_FAILED;
}

int pair_reader_refuse(struct pair_reader *reader, const char *reason)
{
    (void)pair_reader_bad(reader, "%s", reason);
    return handle_bad(reader);
}

int pair_reader_next(struct pair_reader *reader, struct pair *ret_pair)
{
    for (;;) {
        int result = reader->input_is_open ? next_record(reader, ret_pair) : INPUT_END;
        if (result == INPUT_MORE)
            return INPUT_MORE;
        if (result == INPUT_END)
            result = next_input(reader);
        else if (result == INPUT_BAD)
            result = handle_bad(reader);
        if (result != INPUT_MORE) {
            if (result == INPUT_FAILED && reader->status == STATUS_DONE)
                reader->status = reader->input.status;
            return result;
        }
    }
}

uint64_t pair_reader_bytes(const struct pair_reader *reader)
{
    return reader->finished_bytes + (reader->input_is_open ? input_position(&reader->input) : 0);
}

double pair_reader_seconds(const struct pair_reader *reader)
{
    return reader->finished_seconds + (reader->input_is_open ? reader->input.seconds : 0);
}

uint64_t pair_reader_line(struct pair_reader *reader)
{
    return reader->line + input_lines_before(&reader->input);
}

int pair_reader_fail(struct pair_reader *reader, int status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (reader->format.format == INPUT_BINARY)
        message("%s: offset %" PRIu64 ": %s", reader->input.name, reader->position, text);
    else
        message("%s:%" PRIu64 ": %s", reader->input.name, pair_reader_line(reader), text);
    reader->status = status;
    return INPUT_FAILED;
}

int pair_reader_bad(struct pair_reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->reason, sizeof reader->reason, format, arguments);
    va_end(arguments);
    return INPUT_BAD;
}

int pair_reader_too_long(struct pair_reader *reader, const char *what)
{
    return pair_reader_bad(reader,
                           "expected a %s of at most %zu bytes (--memory), got a longer one", what,
                           reader->format.line_max);
}

/* What the first line may be, if it has no key. */
static const char *key_hint(const struct pair_reader *reader)
{
    if (reader->line != 1)
        return "";
    return reader->format.format == INPUT_CSV && !reader->format.header
               ? "; see --header and --key-type"
               : "; see --key-type";
}

static int parse_into(struct pair_reader *reader, const char *text, size_t length, void *ret_key)
{
    ikv_key_type type = reader->format.key_type;
    int code = ikv_key_parse(type, reader->format.key_syntax, text, length, ret_key);
    if (code == 0)
        return INPUT_MORE;
    key_problem(type, reader->format.key_syntax, code, text, length, reader->reason,
                sizeof reader->reason);
    if (code != IKV_E_KEY_RANGE)
        (void)strncat(reader->reason, key_hint(reader),
                      sizeof reader->reason - strlen(reader->reason) - 1);
    return INPUT_BAD;
}

int pair_reader_parse_key(struct pair_reader *reader, const char *text, size_t length)
{
    reader->has_last = reader->format.ranges && memchr(text, '/', length) != NULL;
    if (!reader->has_last)
        return parse_into(reader, text, length, reader->key);
    const char *problem =
        network_parse(reader->format.key_type, text, length, reader->key, reader->last);
    return problem == NULL
               ? INPUT_MORE
               : pair_reader_bad(reader, "%s, got %s", problem, excerpt_of(text, length).text);
}

int pair_reader_parse_last(struct pair_reader *reader, const char *text, size_t length)
{
    int result = parse_into(reader, text, length, reader->last);
    return result == INPUT_MORE ? pair_reader_check_range(reader) : result;
}

int pair_reader_check_range(struct pair_reader *reader)
{
    ikv_key_type type = reader->format.key_type;
    char first[IKV_KEY_TEXT_MAX], last[IKV_KEY_TEXT_MAX];
    if (ikv_key_compare(type, reader->key, reader->last) <= 0)
        return INPUT_MORE;
    (void)ikv_key_format(type, reader->format.key_syntax, reader->key, first, sizeof first);
    (void)ikv_key_format(type, reader->format.key_syntax, reader->last, last, sizeof last);
    return pair_reader_bad(reader, "the range ends before it begins: %s to %s", first, last);
}

static void ignore_part(void *user, const char *part, size_t size)
{
    (void)user;
    (void)part;
    (void)size;
}

int pair_reader_skip_comments(struct pair_reader *reader)
{
    struct input *input = &reader->input;
    int result = INPUT_MORE;
    while (reader->format.comment != 0 && (result = input_need(input, 1)) == INPUT_MORE &&
           input_text(input)[0] == reader->format.comment) {
        result = input_skip_line(input, ignore_part, NULL);
        reader->line++;
        if (result != INPUT_MORE)
            break;
    }
    return result;
}
