#include "input/input.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/platform.h"
#include "base/signals.h"
#include "input/decompress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 20 };

static int fail(struct input *input, int error)
{
    if (error == EINTR) {
        input->status = STATUS_INTERRUPTED;
    } else {
        (void)input_drain(input);
        message("%s: %s", input->name, strerror(error));
        input->status = STATUS_IO;
    }
    return INPUT_FAILED;
}

int input_open(struct input *input, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    *input = (struct input){
        .fd = STDIN_FILENO, .name = standard ? "(standard input)" : path, .line_end = '\n'};
    while (!standard && (input->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        /* Opening a FIFO blocks until a writer opens it. */
        if (errno == EINTR && !signals_caught())
            continue;
        fail(input, errno);
        return input->status;
    }
    struct stat status;
    if (fstat(input->fd, &status) == 0 && S_ISREG(status.st_mode)) {
        off_t position = lseek(input->fd, 0, SEEK_CUR);
        input->regular = true;
        if (position >= 0 && status.st_size > position)
            input->size = (uint64_t)(status.st_size - position);
        platform_will_read_sequentially(input->fd);
    }
    input->terminal = isatty(input->fd) == 1;
    return STATUS_DONE;
}

void input_close(struct input *input)
{
    buffer_free(&input->buffer);
    if (input->fd > STDIN_FILENO)
        close(input->fd);
    if (input->decompressor != NULL) {
        decompressor_stop(input->decompressor); /* ends, because its pipe is closed */
        if (input->compressed_fd > STDIN_FILENO)
            close(input->compressed_fd);
    }
    input->decompressor = NULL;
    input->fd = -1;
}

uint64_t input_position(const struct input *input)
{
    return input->decompressor != NULL ? decompressor_position(input->decompressor) : input->offset;
}

/* Also true if the next read returns an error or the end of the input. */
static bool readable_within(int fd, int milliseconds)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    const int code = poll(&poll_fd, 1, milliseconds);
    return code > 0 || (code < 0 && errno != EINTR);
}

/* Wait until reading does not wait any more. -1: a signal, or the caller stops. */
static int wait_readable(const struct input *input)
{
    if (input->stopping == NULL)
        return signals_wait_readable(input->fd);
    while (!readable_within(input->fd, 100))
        if (signals_caught() || input->stopping(input->drain_user))
            return -1;
    return 0;
}

/* Grow by doubling when a line fills the buffer: a length in the input is not trusted before its
 * bytes have arrived. Memory that is not written to is not used. */
static bool make_room(struct buffer *buffer)
{
    return buffer_reserve(buffer, buffer->capacity == 0 ? READ_SIZE : 1);
}

/* Look at the beginning of the input, and start a thread if it is compressed. INPUT_MORE: the
 * buffer holds input. INPUT_BAD: more is needed. */
static int detect_compression(struct input *input)
{
    struct buffer *buffer = &input->buffer;
    bool partial;
    enum compression compression = compression_detect(buffer->data, buffer->size, &partial);
    if (partial)
        return INPUT_BAD;
    input->decompress = false;
    if (compression == COMPRESSION_NONE)
        return INPUT_MORE;
    int end;
    int code = decompressor_start(input->fd, compression, buffer->data, buffer->size, &end,
                                  &input->decompressor);
    if (code == EOPNOTSUPP) {
        message("%s: %s", input->name, compression_advice(compression));
        input->status = STATUS_USAGE;
        return INPUT_FAILED;
    }
    if (code != 0)
        return fail(input, code);
    input->compressed_fd = input->fd;
    input->fd = end;
    input->regular = false;
    buffer->size = 0;
    return INPUT_BAD;
}

/* The end of the input, or of what could be decompressed. */
static int end_of_input(struct input *input)
{
    const char *problem =
        input->decompressor != NULL ? decompressor_problem(input->decompressor) : NULL;
    if (problem == NULL)
        return INPUT_END;
    (void)input_drain(input);
    message("%s: %s", input->name, problem);
    input->status = STATUS_USAGE;
    return INPUT_FAILED;
}

static int fill(struct input *input)
{
    struct buffer *buffer = &input->buffer;
    if (input->start > 0) {
        size_t rest = input_available(input);
        if (rest > 0)
            memmove(buffer->data, input_text(input), rest);
        buffer->size = rest;
        input->start = 0;
    }
    if (!make_room(buffer)) {
        input->status = out_of_memory();
        return INPUT_FAILED;
    }
    size_t room = buffer->capacity - buffer->size;
    if (room > READ_SIZE)
        room = READ_SIZE; /* so that memory is used for what the caller needs only */
    if (!input->regular && input->drain != NULL && input->stopping == NULL &&
        !readable_within(input->fd, 0) && !input_drain(input))
        return INPUT_FAILED; /* stopped by the caller, without an error */
    for (;;) {
        if (!input->regular && wait_readable(input) != 0 && !signals_caught())
            return INPUT_FAILED; /* stopped by the caller, without an error */
        if (signals_caught())
            return fail(input, EINTR);
        ssize_t size = read(input->fd, buffer->data + buffer->size, room);
        if (size > 0) {
            buffer->size += (size_t)size;
            return INPUT_MORE;
        }
        if (size == 0)
            return end_of_input(input);
        if (errno != EINTR)
            return fail(input, errno);
    }
}

int input_fill(struct input *input)
{
    const double start = seconds_now();
    int result;
    do
        result = fill(input);
    while (result == INPUT_MORE && input->decompress &&
           (result = detect_compression(input)) == INPUT_BAD);
    input->seconds += seconds_now() - start;
    return result;
}

bool input_drain(struct input *input)
{
    return input->drain == NULL || input->drain(input->drain_user);
}

int input_need(struct input *input, size_t size)
{
    while (input_available(input) < size) {
        int result = input_fill(input);
        if (result != INPUT_MORE)
            return result;
    }
    return INPUT_MORE;
}

/* The end of the first unconsumed line, if it has been read. */
static const char *find_line_end(struct input *input)
{
    size_t available = input_available(input);
    if (available == input->searched) /* also before the first read, without a buffer */
        return NULL;
    const char *end =
        memchr(input_text(input) + input->searched, input->line_end, available - input->searched);
    if (end == NULL)
        input->searched = available;
    return end;
}

int input_line(struct input *input, size_t max_length, const char **ret_line, size_t *ret_length)
{
    if (input_part_ended(input))
        return INPUT_END;
    for (;;) {
        const char *end = find_line_end(input);
        size_t length = end ? (size_t)(end - input_text(input)) : input_available(input);
        if (end != NULL || length > max_length) {
            *ret_line = input_text(input);
            *ret_length = length;
            if (length <= max_length)
                input_consume(input, length + 1);
            return INPUT_MORE;
        }
        int result = input_fill(input);
        if (result == INPUT_MORE)
            continue;
        if (result == INPUT_END && length > 0) {
            *ret_line = input_text(input);
            *ret_length = length;
            input_consume(input, length);
            return INPUT_MORE;
        }
        return result;
    }
}

int input_skip_line(struct input *input, input_part_fn part, void *user)
{
    for (;;) {
        const char *end = find_line_end(input);
        size_t length = end ? (size_t)(end - input_text(input)) : input_available(input);
        if (length > 0)
            part(user, input_text(input), length);
        input_consume(input, length + (end != NULL));
        if (end != NULL)
            return INPUT_MORE;
        int result = input_fill(input);
        if (result != INPUT_MORE)
            return result;
    }
}

bool input_is_idle(const struct input *input)
{
    return !input->regular && !readable_within(input->fd, 100);
}

/* ---------------------------------------------------------------- parts of files */

static void ignore_part(void *user, const char *part, size_t size)
{
    (void)user;
    (void)part;
    (void)size;
}

/* Forget what was read, and continue at `offset`. */
static int seek(struct input *input, uint64_t offset)
{
    if (lseek(input->fd, (off_t)offset, SEEK_SET) < 0)
        return fail(input, errno);
    input->buffer.size = input->start = input->searched = 0;
    input->offset = offset;
    return INPUT_MORE;
}

int input_part(struct input *input, uint64_t begin, uint64_t end, bool lines)
{
    input->decompress = false;
    input->part_end = end;
    input->part_begin = begin;
    /* A line begins after the end of another. */
    int result = seek(input, lines && begin > 0 ? begin - 1 : begin);
    if (result == INPUT_MORE && lines && begin > 0)
        result = input_skip_line(input, ignore_part, NULL);
    input->part_begin = input->offset;
    return result == INPUT_MORE && input_part_ended(input) ? INPUT_END : result;
}

uint64_t input_lines_before(struct input *input)
{
    const uint64_t end = input->part_begin;
    char bytes[1 << 16];
    /* Parts follow one another, and any of their lines may be asked for. */
    if (input->counted_to > end)
        input->counted_to = input->counted = 0;
    while (input->counted_to < end) {
        const uint64_t at = input->counted_to;
        const size_t room = end - at < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
        const ssize_t size = pread(input->fd, bytes, room, (off_t)at);
        if (size <= 0)
            break;
        for (ssize_t i = 0; i < size; i++)
            input->counted += bytes[i] == input->line_end;
        input->counted_to += (uint64_t)size;
    }
    return input->counted;
}

/* The number of bytes equal to `byte` in BLOCK bytes. */
enum { BLOCK = 128 };
static size_t count_in_block(const char *block, char byte)
{
    uint8_t count = 0;
    for (size_t i = 0; i < BLOCK; i++)
        count = (uint8_t)(count + (block[i] == byte));
    return count;
}

/* The unconsumed bytes up to the end of the last line that begins in the part of the file. */
static size_t part_available(const struct input *input)
{
    const size_t available = input_available(input);
    if (input->part_end == 0 || input->part_end - input->offset > available)
        return available;
    const size_t last = (size_t)(input->part_end - input->offset) - 1;
    const char *end = memchr(input_text(input) + last, input->line_end, available - last);
    return end != NULL ? (size_t)(end - input_text(input)) + 1 : available;
}

size_t input_lines(const struct input *input, size_t limit, size_t *ret_count)
{
    const char *text = input_text(input);
    const size_t size = part_available(input);
    size_t at = 0, whole = 0, count = 0;
    while (size - at >= BLOCK) {
        const size_t more = count_in_block(text + at, input->line_end);
        if (more >= limit - count)
            break;
        count += more;
        at += BLOCK;
    }
    /* The end of the last line found so far. */
    for (whole = at; count > 0 && whole > 0 && text[whole - 1] != input->line_end; whole--)
        ;
    whole = count > 0 ? whole : 0;
    while (count < limit && at < size) {
        const char *end = memchr(text + at, input->line_end, size - at);
        if (end == NULL)
            break;
        at = whole = (size_t)(end - text) + 1;
        count++;
    }
    *ret_count = count;
    return whole;
}
