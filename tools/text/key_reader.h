/* The keys that `indexkv get` is asked for, in batches: from arguments, a text file, a binary one.
 */
#ifndef KEY_READER_H
#define KEY_READER_H

#include "base/buffer.h"
#include "text/input.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count keys; unless they were read as binary, the text of key i ends at text_ends[i] of texts and
 * begins where that of key i - 1 ends. */
struct key_batch {
    size_t count;
    struct buffer keys; /* key_width bytes each, host byte order */
    struct buffer texts;
    struct buffer text_ends; /* of size_t */
};

struct key_reader {
    ikv_key_type type;
    size_t width;
    ikv_key_syntax syntax;
    bool binary;
    char **arguments; /* NULL: from `input` */
    size_t argument_count, argument_next;
    struct input input;
    uint64_t line;
    int status; /* exit status after a failure, which was reported */
};

void key_reader_from_arguments(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                               char **arguments, size_t count);
/* Returns STATUS_DONE, or an exit status after reporting. */
int key_reader_from_file(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                         const char *path, bool binary);
void key_reader_close(struct key_reader *reader);

/*
 * Read up to `limit` keys; fewer at the end, when the keys come from a terminal and no more have
 * been typed, and when their text takes much memory. INPUT_MORE: the batch holds at least one.
 * After a failure the keys ahead of it are still handed out first.
 */
int key_reader_next(struct key_reader *reader, size_t limit, struct key_batch *batch);

/* The text that key i was given as. NULL: none (binary). */
const char *key_batch_text(const struct key_batch *batch, size_t i, size_t *ret_length);
void key_batch_free(struct key_batch *batch);

#endif
