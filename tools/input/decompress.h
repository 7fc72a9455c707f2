/* Decompress gzip and zstd input in a thread of its own, which writes to a pipe. */
#ifndef DECOMPRESS_H
#define DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

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

/* What this build lacks to read the format. */
const char *compression_library(enum compression compression);

/* Bytes of compressed input read so far. */
uint64_t decompressor_position(const struct decompressor *decompressor);

/* Wait for the thread to end, after the pipe was read to its end. NULL: all input was decompressed;
 * otherwise what is wrong with it. */
const char *decompressor_problem(struct decompressor *decompressor);

/* End the thread, and free everything but `fd`. NULL is ignored. */
void decompressor_stop(struct decompressor *decompressor);

#endif
