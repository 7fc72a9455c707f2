/* Decompress gzip and zstd input in a thread of its own, which writes to a pipe. */
#ifndef DECOMPRESS_H
#define DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The last two are found to be refused. */
enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD,
    COMPRESSION_XZ,
    COMPRESSION_BZIP2
};

/* The format that the bytes are the beginning of. *ret_partial: more bytes are needed to know. */
enum compression compression_detect(const void *bytes, size_t size, bool *ret_partial);

struct decompressor;

/*
 * Start to decompress `begin`, at most 1 MiB, and what follows it in `fd`. *ret_pipe becomes the
 * end to read from, which the caller closes before decompressor_stop. Returns 0, an errno, or
 * EOPNOTSUPP if the build lacks the library.
 */
int decompressor_start(int fd, enum compression compression, const void *begin, size_t size,
                       int *ret_pipe, struct decompressor **ret_decompressor);

/* Why the format can't be read, and what to do. */
const char *compression_advice(enum compression compression);

/* Bytes of compressed input read so far. */
uint64_t decompressor_position(const struct decompressor *decompressor);

/* Wait for the thread to end, after the pipe was read to its end. NULL: all input was decompressed;
 * otherwise what is wrong with it. */
const char *decompressor_problem(struct decompressor *decompressor);

/* End the thread, and free everything but `fd`. NULL is ignored. */
void decompressor_stop(struct decompressor *decompressor);

#endif
