/* Read the keys for `indexkv get` in batches, from arguments, a text file or a binary file. */
#ifndef KEY_READER_H
#define KEY_READER_H

#include "base/buffer.h"
#include "input/input.h"
#include "input/rejects.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `count` keys. Unless they were read as binary, the text of key i ends at texts[text_ends[i]], and
 * begins where the text of key i - 1 ends. */
struct key_batch {
    size_t count;
    struct buffer keys; /* key_width bytes each, host byte order */
    struct buffer texts;
    struct buffer text_ends; /* of size_t */

    /* Bad lines among them, if the reader keeps these. */
    size_t bad_count;
    struct buffer bad_lines; /* of struct bad_line */
    struct buffer bad_texts;
};

/* A line that was skipped before key `before` of its batch. Its text ends at bad_texts[text_end].
 */
struct bad_line {
    size_t before, text_end;
};

struct key_reader {
    ikv_key_type type;
    size_t width;
    ikv_key_syntax syntax;
    bool binary;
    char **arguments; /* NULL: read from `input` */
    size_t argument_count, argument_next;
    struct input input;
    uint64_t line;
    struct rejects *rejects; /* of a file */
    bool escape;             /* undo \n, \t, \r and \\ in the lines of a file */
    struct buffer unescaped;
    const char *raw; /* the last line as it was */
    size_t raw_length;
    bool keep_bad;   /* pass skipped lines on with the batches */
    bool report_bad; /* report every skipped line */
    int status;      /* exit status after a failure, which was reported */
};

void key_reader_from_arguments(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                               char **arguments, size_t count);
/* Bad lines are treated as `rejects` says. Returns STATUS_DONE, or an exit status after reporting.
 */
int key_reader_from_file(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                         const char *path, bool binary, struct rejects *rejects);
void key_reader_close(struct key_reader *reader);

/*
 * Read up to `limit` keys. A batch has fewer keys at the end of the input, if the next key has not
 * been typed at the terminal yet, or if the keys' text takes too much memory. INPUT_MORE: the batch
 * holds at least one key or bad line. Keys before an error are returned first, the error by the
 * next call.
 */
int key_reader_next(struct key_reader *reader, size_t limit, struct key_batch *batch);

/* The text of key i as it was read. NULL: it was read as binary. */
const char *key_batch_text(const struct key_batch *batch, size_t i, size_t *ret_length);
/* The text of bad line i, and the key before which it was skipped. */
const char *key_batch_bad_text(const struct key_batch *batch, size_t i, size_t *ret_length,
                               size_t *ret_before);
void key_batch_free(struct key_batch *batch);

#endif
