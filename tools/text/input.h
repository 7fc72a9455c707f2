/*
 * An input file or standard input, read in large pieces. What was read and not yet consumed lies in
 * one piece at input_text(), so that lines and records are used where they are:
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
    struct buffer buffer;
    size_t start;
    size_t searched; /* unconsumed bytes known to hold no end of line */
    uint64_t offset; /* bytes consumed so far */
    uint64_t size;   /* bytes to be expected in a regular file, else 0 */
    bool regular;    /* reading never has to wait for somebody to write */
    bool terminal;
    int status; /* exit status after a failure, which was reported */

    /* Called before a wait for input, and before a failure is reported: finish what came so far.
     * false: no more input is wanted. NULL: nothing to be done. */
    bool (*settle)(void *user);
    void *settle_user;
};

enum { INPUT_END = 0, INPUT_MORE = 1, INPUT_FAILED = -1 };

/* Open a file; "-" is standard input. Returns STATUS_DONE, or an exit status after reporting. */
int input_open(struct input *input, const char *path);
void input_close(struct input *input);

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

/* Read some more. INPUT_MORE: there are more unconsumed bytes than before (they may have moved). */
int input_fill(struct input *input);

/* Call `settle`. */
bool input_settle(struct input *input);

/* Have at least `size` bytes unconsumed. INPUT_END: the file ends before. */
int input_need(struct input *input, size_t size);

/*
 * Consume one line. *ret_line is valid until the next call on this input, the "\n" is not part of
 * it; the last line may lack its own. A line is at least `longest` + 1 bytes if *ret_length is
 * greater than `longest`, and is then not consumed.
 */
int input_line(struct input *input, size_t longest, const char **ret_line, size_t *ret_length);

/* A line could not be had without waiting for more input. */
bool input_would_wait(struct input *input);

#endif
