/*
 * Pairs for `indexkv build` from a sequence of input files, one after the other. input_tsv.c,
 * input_csv.c and input_binary.c each know one format.
 */
#ifndef PAIR_READER_H
#define PAIR_READER_H

#include "base/buffer.h"
#include "text/csv_row.h"
#include "text/input.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum input_format { INPUT_TSV, INPUT_CSV, INPUT_BINARY };

struct pair_format {
    enum input_format format;
    ikv_key_type key_type;
    ikv_key_syntax key_syntax;
    /* csv only */
    char delimiter;
    bool header;               /* the first row of each file names the columns */
    const char *key_column;    /* number from 1, or name */
    const char *value_columns; /* a CSV row of numbers and names; NULL: the whole row */
};

/* The key lies in the reader, the value in its buffers: valid until the next call. */
struct pair {
    const void *key;
    const void *value;
    size_t size;
};

struct csv_columns; /* input_csv.c */

struct pair_reader {
    struct pair_format format;
    size_t key_width;
    char **paths;
    size_t path_count, path_next;
    struct input input;
    bool input_is_open;
    uint64_t line;           /* where the last pair stands: number from 1 of its (first) line */
    uint64_t position;       /* and its offset */
    uint64_t finished_bytes; /* of inputs read to their end */
    uint64_t total_bytes;    /* of all inputs; 0: not known */
    struct csv_columns *columns;
    int status; /* exit status after a failure, which was reported */
    unsigned char key[IKV_KEY_WIDTH_MAX];
};

/* Start reading paths[0..count). Returns STATUS_DONE or an exit status after reporting. */
int pair_reader_open(struct pair_reader *reader, const struct pair_format *format, char **paths,
                     size_t count);
void pair_reader_close(struct pair_reader *reader);

/* INPUT_MORE: *ret_pair is set. INPUT_END. INPUT_FAILED: see reader->status. */
int pair_reader_next(struct pair_reader *reader, struct pair *ret_pair);

/* Bytes read so far, to be compared with total_bytes. */
uint64_t pair_reader_bytes(const struct pair_reader *reader);

/* --- for the formats --- */

/* What is wrong at the last pair, after its place. Returns INPUT_FAILED. */
int pair_reader_fail(struct pair_reader *reader, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Parse the key's text into reader->key; reports what is wrong with it. */
int pair_reader_parse_key(struct pair_reader *reader, const char *text, size_t length);

/* Most bytes a line or row may have: any more can't be a value that a store takes. */
size_t pair_reader_line_longest(void);

int input_tsv_next(struct pair_reader *reader, struct pair *ret_pair);
int input_binary_next(struct pair_reader *reader, struct pair *ret_pair);

int input_csv_next(struct pair_reader *reader, struct pair *ret_pair);
int input_csv_open(struct pair_reader *reader); /* once; returns an exit status */
void input_csv_close(struct pair_reader *reader);
int input_csv_begin(struct pair_reader *reader); /* at the start of each file */

#endif
