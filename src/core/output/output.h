/*
 * The file of a store being written: a temporary file in the target's directory, written mostly
 * sequentially, then published by fsync, rename and fsync of the directory.
 *
 * Appended bytes are collected and written in pieces of IKV_WRITE_SIZE, aligned in the file. While
 * `block_sums` is set, the checksum of each IKV_BLOCK_SIZE bytes of the file is appended to it.
 */
#ifndef IKV_OUTPUT_H
#define IKV_OUTPUT_H

#include "core/base/error.h"
#include "core/format/trailer.h"
#include "core/output/tape.h"
#include "core/output/target.h"

#include <stdbool.h>

/* The page cache keeps a file in folios no larger than the writes that created it. Folios of a huge
 * page's size are mapped as huge pages, which saves page faults and TLB misses. */
#define IKV_WRITE_SIZE ((size_t)2 << 20)

_Static_assert(IKV_WRITE_SIZE % IKV_BLOCK_SIZE == 0, "a write consists of whole blocks");

struct ikv_output {
    int fd;
    struct ikv_target target;
    char *temp_name; /* NULL: nothing to remove */
    unsigned mode;   /* permission bits of the finished file */

    unsigned char *piece;
    uint64_t piece_start; /* file offset of piece[0]; a multiple of IKV_WRITE_SIZE */
    size_t first;         /* piece[first..used) is not written yet */
    size_t used;
    struct ikv_tape *block_sums; /* NULL: none; belongs to the caller */
    uint64_t writeback;          /* writeback was started up to this offset */
};

/* For an output that is not created yet, and can be discarded. */
#define IKV_NO_OUTPUT ((struct ikv_output){.fd = -1, .target = {.dir_fd = -1}})

/* mode 0: 0666 without the bits of the umask. On failure nothing is left to discard. */
int ikv_output_create(struct ikv_output *output, const char *path, unsigned mode, ikv_error *err);

/* File offset of the next append. */
static inline uint64_t ikv_output_offset(const struct ikv_output *output)
{
    return output->piece_start + output->used;
}

/* Write out what was appended, and append at `offset` from now on. */
int ikv_output_seek(struct ikv_output *output, uint64_t offset);

/* Discard everything from `offset` on, written or not, and append there from now on. -errno. */
int ikv_output_restart(struct ikv_output *output, uint64_t offset);

/* Overwrite bytes appended before. Not while block checksums are collected. */
int ikv_output_patch(struct ikv_output *output, uint64_t offset, const void *bytes, size_t size);

/* bytes NULL: zeros. */
int ikv_output_append(struct ikv_output *output, const void *bytes, size_t size);
/* Append the checksum of the last block, which may be shorter, and collect no more of them. */
int ikv_output_end_sums(struct ikv_output *output);
/* Write out what was appended. */
int ikv_output_flush(struct ikv_output *output);

/* Sync the file, write the header that declares it complete, sync again, and rename the file to its
 * path. 0; -errno: the path is unchanged and the file removed; IKV_E_DURABILITY: renamed, but the
 * directory could not be synced. Closes the file in all cases. */
int ikv_output_publish(struct ikv_output *output, const unsigned char header[IKV_HEADER_SIZE],
                       ikv_error *err);

/* Close and remove the temporary file. */
void ikv_output_discard(struct ikv_output *output);

#endif
