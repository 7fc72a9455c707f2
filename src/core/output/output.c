#include "core/output/output.h"

#include "core/format/checksum.h"
#include "core/io/file_io.h"
#include "core/platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_PART      200 /* of the target's name in the temporary one, at most 255 bytes long */
#define WRITEBACK_STEP ((uint64_t)32 << 20)

static int create_temp(struct ikv_output *output, unsigned mode, ikv_error *err)
{
    unsigned char random[8];
    struct stat st;
    const size_t size = NAME_PART + 32;
    int code = ikv_random_bytes(random, sizeof random);

    char *name = code == 0 ? malloc(size) : NULL;
    if (!name)
        return ikv_fail(err, code < 0 ? code : -ENOMEM, IKV_AT_FILE(output->target.path),
                        "cannot create");
    (void)snprintf(name, size, ".%.*s.%02x%02x%02x%02x%02x%02x%02x%02x.tmp", NAME_PART,
                   output->target.name, random[0], random[1], random[2], random[3], random[4],
                   random[5], random[6], random[7]);

    /* Without a mode, 0666 lets the kernel apply the umask; reading the umask would change it. */
    output->fd = openat(output->target.dir_fd, name,
                        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode ? 0600 : 0666);
    if (output->fd < 0) {
        code = -errno;
        free(name);
        return ikv_fail(err, code, IKV_AT_FILE(output->target.path),
                        "cannot create a temporary file in its directory");
    }
    output->temp_name = name;
    output->mode = mode;
    if (mode)
        return 0;
    if (fstat(output->fd, &st) != 0 || fchmod(output->fd, 0600) != 0)
        return ikv_fail(err, -errno, IKV_AT_FILE(output->target.path), "cannot set permissions");
    output->mode = st.st_mode & 07777;
    return 0;
}

int ikv_output_create(struct ikv_output *output, const char *path, unsigned mode, ikv_error *err)
{
    *output = IKV_NO_OUTPUT;
    int code = ikv_target_open(&output->target, path, err);

    if (code == 0) {
        output->piece = malloc(IKV_WRITE_SIZE);
        code = output->piece ? create_temp(output, mode, err)
                             : ikv_fail(err, -ENOMEM, IKV_AT_FILE(path), "cannot create");
    }
    if (code < 0)
        ikv_output_discard(output);
    return code;
}

/* ---------------------------------------------------------------- appending */

/* Append the checksums of the blocks in piece[first..used). */
static int sum_blocks(struct ikv_output *output)
{
    unsigned char sum[IKV_BLOCK_CHECKSUM_SIZE];
    int code = 0;

    for (size_t at = output->first; at < output->used && code == 0 && output->block_sums;) {
        const size_t n = (size_t)ikv_min(IKV_BLOCK_SIZE - at % IKV_BLOCK_SIZE, output->used - at);
        ikv_store64(sum, ikv_checksum(output->piece + at, n));
        code = ikv_tape_append(output->block_sums, sum, sizeof sum);
        at += n;
    }
    return code;
}

int ikv_output_end_sums(struct ikv_output *output)
{
    const int code = sum_blocks(output);

    output->block_sums = NULL;
    return code;
}

static int write_piece(struct ikv_output *output)
{
    const size_t size = output->used - output->first;
    int code = sum_blocks(output);

    if (code == 0 && size)
        code = ikv_pwrite_all(output->fd, output->piece + output->first, size,
                              output->piece_start + output->first);
    return code;
}

int ikv_output_flush(struct ikv_output *output)
{
    int code = write_piece(output);
    output->first = output->used;
    return code;
}

int ikv_output_seek(struct ikv_output *output, uint64_t offset)
{
    int code = ikv_output_flush(output);
    output->piece_start = offset / IKV_WRITE_SIZE * IKV_WRITE_SIZE;
    output->first = output->used = (size_t)(offset - output->piece_start);
    return code;
}

int ikv_output_restart(struct ikv_output *output, uint64_t offset)
{
    output->piece_start = offset / IKV_WRITE_SIZE * IKV_WRITE_SIZE;
    output->first = output->used = (size_t)(offset - output->piece_start);
    output->writeback = output->piece_start;
    return ftruncate(output->fd, (off_t)offset) == 0 ? 0 : -errno;
}

int ikv_output_patch(struct ikv_output *output, uint64_t offset, const void *bytes, size_t size)
{
    const uint64_t in_memory = output->piece_start + output->first;
    const unsigned char *from = bytes;

    if (offset < in_memory) {
        const size_t n = (size_t)ikv_min(size, in_memory - offset);
        int code = ikv_pwrite_all(output->fd, from, n, offset);
        if (code < 0)
            return code;
        from += n;
        offset += n;
        size -= n;
    }
    if (size > 0) /* otherwise the offset may be before the piece */
        memcpy(output->piece + (offset - output->piece_start), from, size);
    return 0;
}

static int next_piece(struct ikv_output *output)
{
    int code = write_piece(output);

    output->piece_start += IKV_WRITE_SIZE;
    output->first = output->used = 0;
    if (code == 0 && output->piece_start >= output->writeback + WRITEBACK_STEP) {
        IKV_START_WRITEBACK(output->fd, (off_t)output->writeback,
                            (off_t)(output->piece_start - output->writeback));
        output->writeback = output->piece_start;
    }
    return code;
}

int ikv_output_append(struct ikv_output *output, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;

    while (size > 0) {
        if (output->used == IKV_WRITE_SIZE) {
            int code = next_piece(output);
            if (code < 0)
                return code;
        }
        size_t n = (size_t)ikv_min(size, IKV_WRITE_SIZE - output->used);
        if (from) {
            memcpy(output->piece + output->used, from, n);
            from += n;
        } else {
            memset(output->piece + output->used, 0, n);
        }
        output->used += n;
        size -= n;
    }
    return 0;
}

/* ---------------------------------------------------------------- publishing */

/*
 * No step is retried. After a failed fsync the kernel may have dropped the pages and cleared the
 * error, so a second fsync that succeeds proves nothing. The header is written between two fsyncs,
 * so that no crash leaves an incomplete file whose header says complete.
 */
static int make_durable(struct ikv_output *output, const unsigned char header[IKV_HEADER_SIZE],
                        ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(output->target.path);

    if (fchmod(output->fd, (mode_t)output->mode) != 0)
        return ikv_fail(err, -errno, at, "cannot set permissions");
    if (ikv_platform_sync(output->fd) != 0)
        return ikv_fail(err, -errno, at, "cannot sync");
    int code = ikv_pwrite_all(output->fd, header, IKV_HEADER_SIZE, 0);
    if (code < 0)
        return ikv_fail(err, code, at, "cannot write the header");
    if (ikv_platform_sync(output->fd) != 0)
        return ikv_fail(err, -errno, at, "cannot sync");
    return 0;
}

int ikv_output_publish(struct ikv_output *output, const unsigned char header[IKV_HEADER_SIZE],
                       ikv_error *err)
{
    int code = make_durable(output, header, err);

    if (code == 0) {
        code = ikv_target_publish(&output->target, output->temp_name, err);
        if (code == 0 || code == IKV_E_DURABILITY) {
            free(output->temp_name);
            output->temp_name = NULL;
        }
    }
    ikv_output_discard(output);
    return code;
}

void ikv_output_discard(struct ikv_output *output)
{
    if (output->temp_name)
        (void)unlinkat(output->target.dir_fd, output->temp_name, 0);
    if (output->fd >= 0)
        (void)close(output->fd);
    ikv_target_close(&output->target);
    free(output->temp_name);
    free(output->piece);
    *output = IKV_NO_OUTPUT;
}
