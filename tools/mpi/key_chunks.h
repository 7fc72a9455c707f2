/*
 * The keys of a file, divided among ranks. A file that can be cut consists of chunks, which ranks
 * read in turn, or, if each rank writes an output of its own, of one chunk for each rank. Others,
 * such as pipes, are read by rank 0, a chunk being a batch.
 */
#ifndef KEY_CHUNKS_H
#define KEY_CHUNKS_H

#include "key_input/key_reader.h"
#include "mpi/mpi_command.h"

#include <stdbool.h>
#include <stdint.h>

struct key_chunks {
    struct key_reader reader;
    bool is_open;        /* this rank reads keys */
    bool cut;            /* there are several chunks, of `size` bytes */
    uint64_t begin, end; /* what this rank has yet to read, in units of chunks or, uncut, 0 */
    uint64_t step, size, file_size;
    bool in_chunk;
};

/* What the keys look like. */
struct key_source {
    const char *path;
    ikv_key_type type;
    ikv_key_syntax syntax;
    bool binary, escape, nul;
    bool report_bad;
    bool in_parts;  /* one chunk for each rank */
    uint64_t batch; /* keys in a batch, at most */
};

/* Collective. Returns STATUS_DONE, or an exit status after reporting. */
int key_chunks_open(struct key_chunks *chunks, const struct job *job,
                    const struct key_source *format, struct rejects *rejects);
void key_chunks_close(struct key_chunks *chunks);

/* Read up to `limit` keys of the current chunk. INPUT_MORE: *ret_ended says whether that was its
 * end; the batch may be empty. INPUT_END: there are no more chunks. INPUT_FAILED. */
int key_chunks_next(struct key_chunks *chunks, size_t limit, struct key_batch *batch,
                    bool *ret_ended);

#endif
