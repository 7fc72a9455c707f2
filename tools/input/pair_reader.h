/*
 * Read the pairs for `indexkv build` from a sequence of input files. input_tsv.c, input_csv.c and
 * input_binary.c implement one format each.
 */
#ifndef PAIR_READER_H
#define PAIR_READER_H

#include "base/buffer.h"
#include "input/csv_row.h"
#include "input/input.h"
#include "input/rejects.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a CR before the LF belongs to the end of a line. */
enum line_ends { LINE_ENDS_DETECT, LINE_ENDS_LF, LINE_ENDS_CRLF };

enum input_format { INPUT_TSV, INPUT_CSV, INPUT_BINARY, INPUT_JSONL };

struct pair_format {
    enum input_format format;
    ikv_key_type key_type;
    ikv_key_syntax key_syntax;
    bool ranges;   /* a first and a last key instead of one */
    char comment;  /* tsv, csv: lines that begin with it are skipped; 0: none are */
    bool strict;   /* no empty lines; csv: RFC 4180 to the letter */
    bool one_line; /* csv: refuse rows of several lines */
    bool one_size; /* binary: refuse values of other sizes than value_size */
    uint32_t value_size;
    bool quiet; /* do not say what was detected */
    /* tsv only */
    enum line_ends line_ends;
    bool escape; /* undo \n, \t, \r and \\ */
    bool nul;    /* records end with NUL instead of LF */
    /* csv only */
    char delimiter;
    bool header;               /* the first row of each file names the columns */
    const char *key_column;    /* number from 1, or name */
    const char *end_column;    /* of the last key; NULL: the one after the key's */
    const char *value_columns; /* a CSV row of numbers and names; NULL: the whole row */
    /* jsonl only */
    const char *key_field;
    const char *value_field; /* NULL: the whole line */
    size_t line_max;         /* longest line, row or value; more is refused */
};

/* The key and the value are in the reader's memory, valid until the next call. */
struct pair {
    const void *key;
    const void *value;
    size_t size;
};

struct csv_columns; /* input_csv.c */

/* A part of an input file: the lines or records that begin from `begin` to `end` - 1. */
struct file_part {
    uint64_t begin, end; /* end 0: the whole file */
};

struct pair_reader {
    struct pair_format format;
    size_t key_width;
    char **paths;
    size_t path_count, path_next;
    struct input input;
    bool input_is_open;
    uint64_t line;                 /* number of the last pair's first line, from 1 */
    uint64_t position;             /* file offset of the last pair */
    uint64_t finished_bytes;       /* of inputs read to their end */
    double finished_seconds;       /* spent on reading them */
    uint64_t total_bytes;          /* of all inputs; 0: unknown */
    bool crlf;                     /* lines of this file end with CR LF */
    const struct file_part *parts; /* of the paths; NULL: all of each */
    struct csv_columns *columns;
    struct buffer unescaped;         /* tsv, jsonl: key and value without their escapes */
    char *key_base64, *value_base64; /* jsonl: names of members in base64 */
    struct rejects *rejects;
    const char *record; /* the last line or row, consumed; NULL: it begins at input_text() */
    size_t record_size;
    char reason[512]; /* why it is bad */
    int status;       /* exit status after a failure, which was reported */
    unsigned char key[IKV_KEY_WIDTH_MAX];
    unsigned char last[IKV_KEY_WIDTH_MAX]; /* the last key of the range */
    bool has_last;                         /* a network was parsed, which has both */
};

/* Start reading paths[0..count). Returns STATUS_DONE, or an exit status after reporting. */
int pair_reader_open(struct pair_reader *reader, const struct pair_format *format, char **paths,
                     size_t count, struct rejects *rejects);
void pair_reader_close(struct pair_reader *reader);

/* Read the next pair, and skip bad lines as `rejects` says. INPUT_MORE: *ret_pair is set.
 * INPUT_END. INPUT_FAILED: see reader->status. */
int pair_reader_next(struct pair_reader *reader, struct pair *ret_pair);

/* Treat the last pair as a bad line. INPUT_MORE: it was skipped. INPUT_FAILED: see reader->status.
 */
int pair_reader_refuse(struct pair_reader *reader, const char *reason);

/* Bytes read so far, of total_bytes. */
uint64_t pair_reader_bytes(const struct pair_reader *reader);
/* Seconds spent on reading so far. */
double pair_reader_seconds(const struct pair_reader *reader);

/* --- for the formats --- */

/* The line of the last pair in its file. */
uint64_t pair_reader_line(struct pair_reader *reader);

/* Report an error with the location of the last pair. Returns INPUT_FAILED. */
int pair_reader_fail(struct pair_reader *reader, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Note why the record is bad. Returns INPUT_BAD. */
int pair_reader_bad(struct pair_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a record longer than line_max. */
int pair_reader_too_long(struct pair_reader *reader, const char *what);

/* Parse a key into reader->key; of ranges, also a network, and set has_last. Returns INPUT_MORE or
 * INPUT_BAD. */
int pair_reader_parse_key(struct pair_reader *reader, const char *text, size_t length);
/* Parse the last key of a range, whose first one was parsed. */
int pair_reader_parse_last(struct pair_reader *reader, const char *text, size_t length);
/* Check that the range does not end before it begins. */
int pair_reader_check_range(struct pair_reader *reader);
/* Skip comments before the next line, and count them. INPUT_MORE, INPUT_END or INPUT_FAILED. */
int pair_reader_skip_comments(struct pair_reader *reader);

int input_tsv_begin(struct pair_reader *reader); /* before a part of a file */
int input_tsv_next(struct pair_reader *reader, struct pair *ret_pair);
int input_binary_next(struct pair_reader *reader, struct pair *ret_pair);

int input_jsonl_next(struct pair_reader *reader, struct pair *ret_pair);
int input_jsonl_open(struct pair_reader *reader); /* once per reader; returns an exit status */
void input_jsonl_close(struct pair_reader *reader);

int input_csv_next(struct pair_reader *reader, struct pair *ret_pair);
int input_csv_open(struct pair_reader *reader); /* once per reader; returns an exit status */
void input_csv_close(struct pair_reader *reader);
int input_csv_begin(struct pair_reader *reader); /* at the start of each file */

#endif
