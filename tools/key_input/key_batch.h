/* A batch of keys for `indexkv get`: the lines as they were read, and the keys in them. */
#ifndef KEY_BATCH_H
#define KEY_BATCH_H

#include "base/buffer.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How keys are read from the bytes of a batch. */
struct key_format {
    ikv_key_type type;
    size_t width;
    ikv_key_syntax syntax;
    bool binary;      /* `width` bytes each, little-endian, instead of lines */
    char line_end;    /* of the lines in a batch */
    bool of_file;     /* lines may begin with a byte order mark, or end with a CR */
    bool escape;      /* undo \n, \t, \r and \\ */
    bool stop_at_bad; /* lines after a bad one are not wanted */
};

/* A part of key_batch.lines. */
struct key_text {
    uint32_t start, length;
};

/* A line that is not a key. */
struct bad_line {
    size_t before;   /* keys of the batch before it */
    uint64_t number; /* of the line in its file */
    struct key_text line, text;
    int code;        /* why: of ikv_key_parse */
    bool is_cut;     /* `line` is only its beginning */
    bool is_settled; /* it was reported and rejected when it was read */
};

struct key_batch {
    struct buffer lines; /* each with its end; or binary keys */
    size_t line_count;
    uint64_t first_line; /* number of the first one in its file; 0: arguments */

    size_t count;
    struct buffer keys;  /* key_width bytes each, host byte order */
    struct buffer texts; /* of struct key_text; empty: the keys were read as binary */
    size_t bad_count;
    struct buffer bad_lines; /* of struct bad_line */
    struct buffer unescaped;
};

/* Remove keys and lines; the memory is kept. */
void key_batch_clear(struct key_batch *batch);
void key_batch_free(struct key_batch *batch);

/* Convert the lines to keys and bad lines. False: out of memory. */
bool key_batch_parse(struct key_batch *batch, const struct key_format *format);

/* Add a bad line. False: out of memory. */
bool key_batch_add_bad(struct key_batch *batch, const struct bad_line *bad);

static inline const struct bad_line *key_batch_bad(const struct key_batch *batch, size_t i)
{
    return (const struct bad_line *)(const void *)batch->bad_lines.data + i;
}

/* The text of key i as it was read. NULL: it was read as binary. */
static inline const char *key_batch_text(const struct key_batch *batch, size_t i,
                                         size_t *ret_length)
{
    if (batch->texts.size == 0)
        return NULL;
    const struct key_text *text = (const struct key_text *)(const void *)batch->texts.data + i;
    *ret_length = text->length;
    return batch->lines.data + text->start;
}

#endif
