/*
 * An input file or standard input, read in large chunks. Unconsumed bytes are contiguous at
 * input_text(), so that lines and records are used in place, without copying:
 *
 *     buffer.data    start              buffer.size
 *     | consumed     | unconsumed       | room for the next read |
 */
#ifndef INPUT_H
#define INPUT_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    int fd;
    const char *name; /* for messages */
    char line_end;    /* '\n' unless it is changed after input_open */
    struct buffer buffer;
    size_t start;
    size_t searched; /* unconsumed bytes known to hold no end of line */
    uint64_t offset; /* bytes consumed so far */
    double seconds;  /* spent on reading so far */
    uint64_t size;   /* remaining bytes of a regular file when it was opened, otherwise 0 */
    bool regular;    /* a regular file: reads do not wait for a writer */
    bool terminal;
    bool decompress;   /* gzip and zstd, if the input begins like these; set after input_open */
    int compressed_fd; /* of the file, while `fd` is a pipe from `decompressor` */
    struct decompressor *decompressor;
    int status; /* exit status after a failure, which was reported */

    /* Only what begins in this part of the file is read, see input_part. */
    uint64_t part_begin, part_end; /* part_end 0: all of it */
    uint64_t counted, counted_to;  /* input_lines_before: lines so far, and up to where */

    /* Called before a read that would wait, and before an error is reported: process everything
     * read so far. Returns false to stop reading. May be NULL. */
    bool (*drain)(void *user);
    /* NULL, or another thread writes the answers to everything read so far. Then `drain` is called
     * for errors only, and reads that would wait end when this returns true. */
    bool (*stopping)(void *user);
    void *drain_user; /* of both */
};

/* Results of reading. INPUT_BAD: the record is not valid; the caller may skip it. */
enum { INPUT_END = 0, INPUT_MORE = 1, INPUT_BAD = 2, INPUT_FAILED = -1 };

/* Open a file; "-" is standard input. Returns STATUS_DONE, or an exit status after reporting. */
int input_open(struct input *input, const char *path);
void input_close(struct input *input);

/*
 * Continue with a part of a regular file that is not compressed: with `lines`, the lines that begin
 * at offsets from `begin` to `end` - 1, otherwise what begins at `begin`. `end` > 0. After
 * input_open, or later. INPUT_MORE, INPUT_END (no line begins there), or INPUT_FAILED.
 */
int input_part(struct input *input, uint64_t begin, uint64_t end, bool lines);

/* Whether the part of the file ends before the next line or record. */
static inline bool input_part_ended(const struct input *input)
{
    return input->part_end != 0 && input->offset >= input->part_end;
}

/* The number of lines before the part, for messages. Reads the file up to there, but not again what
 * was read for an earlier part. */
uint64_t input_lines_before(struct input *input);

/* Bytes of the file consumed so far, roughly if it is compressed. */
uint64_t input_position(const struct input *input);

static inline const char *input_text(const struct input *input)
{
    return input->buffer.data + input->start;
}

static inline size_t input_available(const struct input *input)
{
    return input->buffer.size - input->start;
}

static inline void input_consume(struct input *input, size_t size)
{
    input->start += size;
    input->offset += size;
    input->searched = 0;
}

/* Read more bytes. INPUT_MORE: at least one was added; input_text() may have changed. */
int input_fill(struct input *input);

/* Call `drain`, if set. */
bool input_drain(struct input *input);

/* Read until at least `size` bytes are unconsumed. INPUT_END: the input ends before. */
int input_need(struct input *input, size_t size);

/*
 * Consume one line. *ret_line does not include its end and is valid until the next call on this
 * input. The last line may lack its end. If *ret_length is greater than `max_length`, the line is
 * too long and was not consumed.
 */
int input_line(struct input *input, size_t max_length, const char **ret_line, size_t *ret_length);

/* Find up to `limit` whole lines at the beginning of the unconsumed bytes, without reading more.
 * Returns their size, with their ends. */
size_t input_lines(const struct input *input, size_t limit, size_t *ret_count);

/* Whether the next read would wait for a writer longer than a moment, 0.1 s. */
bool input_is_idle(const struct input *input);

/*
 * Consume a line of any length in bounded memory, and pass it without its end, in parts, to
 * `part`. INPUT_END: it is the last line and lacks its end.
 */
typedef void (*input_part_fn)(void *user, const char *part, size_t size);
int input_skip_line(struct input *input, input_part_fn part, void *user);

#endif
