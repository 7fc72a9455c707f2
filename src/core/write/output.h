/*
 * The file that a store is written to before it is published: a temporary file in the target's
 * directory, written mostly from front to back, then put in place by fsync, rename and fsync of the
 * directory.
 *
 * Appended bytes are collected in blocks of IKV_BLOCK_SIZE, aligned in the file. While `block_sums`
 * is set, a checksum of each block goes there when the block is written.
 */
#ifndef IKV_OUTPUT_H
#define IKV_OUTPUT_H

#include "core/base/error.h"
#include "core/format/trailer.h"
#include "core/write/tape.h"

#include <stdbool.h>

struct ikv_output {
    int fd;
    int dir_fd;
    char *path;       /* as the caller gave it, for messages */
    char *dir;        /* directory part */
    const char *name; /* last part, inside `path` */
    char *temp_name;  /* NULL: nothing to remove */
    unsigned mode;    /* permission bits of the finished file */

    unsigned char *block;
    uint64_t block_start; /* file offset of block[0]; a multiple of IKV_BLOCK_SIZE */
    size_t first;         /* block[first..used) is what was appended */
    size_t used;
    struct ikv_tape *block_sums; /* NULL: none; belongs to the caller */
    uint64_t writeback;          /* up to here, writing back was started */
};

/* mode 0: 0666 less the umask. `output` is valid for ikv_output_discard after success only. */
int ikv_output_create(struct ikv_output *output, const char *path, unsigned mode, ikv_error *err);

/* Where the next append goes. */
static inline uint64_t ikv_output_offset(const struct ikv_output *output)
{
    return output->block_start + output->used;
}

/* Go on appending at `offset`; what was appended before is written out. */
int ikv_output_seek(struct ikv_output *output, uint64_t offset);

/* Drop everything from `offset` on, also what is in the block, and go on there. -errno. */
int ikv_output_restart(struct ikv_output *output, uint64_t offset);

/* Overwrite bytes that were appended before. Not while checksums of blocks are collected. */
int ikv_output_patch(struct ikv_output *output, uint64_t offset, const void *bytes, size_t size);

/* Append. NULL bytes: zeros. */
int ikv_output_append(struct ikv_output *output, const void *bytes, size_t size);
/* Write out what is still in the block. */
int ikv_output_flush(struct ikv_output *output);

/* Make what was written durable, then write the header that declares the file whole, make that
 * durable, and put the file in place. 0; -errno: nothing happened to the path; IKV_E_DURABILITY.
 * Closes the file; on any failure but the last removes it. */
int ikv_output_publish(struct ikv_output *output, const unsigned char header[IKV_HEADER_SIZE],
                       ikv_error *err);

/* Remove the temporary file. */
void ikv_output_discard(struct ikv_output *output);

#endif
