/*
 * Read the keys for `indexkv get` in batches, from arguments, a text file or a binary file.
 *
 * Three steps make a batch: its lines are read, one batch after another; parsed, by any thread
 * (key_batch.h); and its bad lines are settled, again one batch after another. key_reader_next does
 * all three.
 */
#ifndef KEY_READER_H
#define KEY_READER_H

#include "input/input.h"
#include "input/rejects.h"
#include "key_input/key_batch.h"

struct key_reader {
    struct key_format format;
    char **arguments; /* NULL: read from `input` */
    size_t argument_count, argument_next;
    struct input input;
    uint64_t line;           /* lines read so far */
    struct rejects *rejects; /* of a file */
    bool report_bad;         /* report every skipped line */
    bool fill_batches;       /* wait for more lines, even if the writer pauses */
    int status;              /* exit status after a failure to read, which was reported */
    char ending[640];        /* the bad line that ends the job, to be reported; empty: none */
};

void key_reader_from_arguments(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                               char **arguments, size_t count);
/* Bad lines are treated as `rejects` says. Returns STATUS_DONE, or an exit status after reporting.
 */
int key_reader_from_file(struct key_reader *reader, ikv_key_type type, ikv_key_syntax syntax,
                         const char *path, bool binary, struct rejects *rejects);
/* Continue with a part of the file, which is regular and not compressed: keys that begin at offsets
 * from `begin` to `end` - 1; binary keys are whole in it. Returns STATUS_DONE or an exit status. */
int key_reader_part(struct key_reader *reader, uint64_t begin, uint64_t end);
void key_reader_close(struct key_reader *reader);

/*
 * Read the lines of up to `limit` keys. There are fewer at the end of the input, if the next line
 * has not been typed at the terminal yet or is not in the pipe, or if the lines take too much
 * memory. INPUT_MORE: there
 * is at least one. Lines before an error are returned first, the error by the next call.
 */
int key_reader_lines(struct key_reader *reader, size_t limit, struct key_batch *batch);

/*
 * Report and reject the bad lines of a parsed batch. If one of them ends the job, an exit status is
 * returned, and the batch ends before it. Call key_reader_report after the answers to its keys.
 */
int key_reader_settle(struct key_reader *reader, struct key_batch *batch);
void key_reader_report(const struct key_reader *reader);

/* INPUT_MORE: the batch holds at least one key or bad line. */
int key_reader_next(struct key_reader *reader, size_t limit, struct key_batch *batch);

#endif
