#include "mpi/file_parts.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "input/decompress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *path, int error)
{
    message("%s: %s", path, strerror(error));
    return STATUS_IO;
}

int file_can_be_cut(const char *path, bool binary, bool *ret_can, uint64_t *ret_size)
{
    struct stat st;
    *ret_can = false;
    *ret_size = 0;
    if (strcmp(path, "-") == 0)
        return STATUS_DONE;
    if (stat(path, &st) != 0)
        return fail(path, errno);
    if (!S_ISREG(st.st_mode))
        return STATUS_DONE;
    *ret_size = (uint64_t)st.st_size;
    unsigned char begin[8];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(path, errno);
    const ssize_t size = read(fd, begin, sizeof begin);
    const int error = errno;
    (void)close(fd);
    if (size < 0)
        return fail(path, error);
    bool partial;
    *ret_can = binary || compression_detect(begin, (size_t)size, &partial) == COMPRESSION_NONE;
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- parts */

struct file {
    bool can_be_cut;
    uint64_t size, unit; /* parts begin at multiples of unit */
};

static int look_at(struct file *file, const struct pair_format *format, const char *path)
{
    const bool binary = format->format == INPUT_BINARY;
    int status = file_can_be_cut(path, binary, &file->can_be_cut, &file->size);
    file->unit = 1;
    if (binary)
        file->unit =
            ikv_key_width(format->key_type) * (format->ranges ? 2 : 1) + 4 + format->value_size;
    if ((binary && !format->one_size) || (format->format == INPUT_CSV && !format->one_line))
        file->can_be_cut = false;
    return status;
}

/* Where the share of a rank begins, of `total` bytes. */
static uint64_t share(uint64_t total, int rank, int ranks)
{
    const uint64_t whole = total / (uint64_t)ranks, rest = total % (uint64_t)ranks;
    return whole * (uint64_t)rank + rest * (uint64_t)rank / (uint64_t)ranks;
}

/* The part of a file at `at`, of all files, that belongs to bytes [begin, end). */
static struct file_part part_of(const struct file *file, uint64_t at, uint64_t begin, uint64_t end)
{
    struct file_part part = {begin > at ? begin - at : 0, end > at ? end - at : 0};
    part.begin = part.begin < file->size ? part.begin : file->size;
    part.end = part.end < file->size ? part.end : file->size;
    if (file->unit > 1) {
        part.begin = (part.begin + file->unit - 1) / file->unit * file->unit;
        if (part.end < file->size)
            part.end = (part.end + file->unit - 1) / file->unit * file->unit;
    }
    return part;
}

static void add_parts(struct file_parts *parts, const struct file *files, char **paths,
                      size_t count, int rank, int ranks)
{
    uint64_t total = 0, at = 0;
    /* Pipes and empty files count as a byte, so that each belongs to a rank. */
    for (size_t i = 0; i < count; i++)
        total += files[i].size > 0 ? files[i].size : 1;
    const uint64_t begin = share(total, rank, ranks), end = share(total, rank + 1, ranks);
    for (size_t i = 0; i < count; i++) {
        const struct file *file = &files[i];
        const struct file_part part = part_of(file, at, begin, end);
        if (file->can_be_cut && part.begin < part.end) {
            parts->paths[parts->count] = paths[i];
            parts->parts[parts->count++] = part;
        } else if (!file->can_be_cut && (count == 1 ? rank == 0 : at >= begin && at < end)) {
            parts->paths[parts->count] = paths[i];
            parts->parts[parts->count++] = (struct file_part){0, 0};
        }
        at += file->size > 0 ? file->size : 1;
    }
}

int file_parts_make(struct file_parts *parts, const struct pair_format *format, char **paths,
                    size_t count, int rank, int ranks)
{
    *parts = (struct file_parts){.paths = calloc(count + 1, sizeof *parts->paths),
                                 .parts = calloc(count + 1, sizeof *parts->parts)};
    struct file *files = calloc(count + 1, sizeof *files);
    int status = STATUS_DONE;
    if (parts->paths == NULL || parts->parts == NULL || files == NULL) {
        free(files);
        return out_of_memory();
    }
    for (size_t i = 0; i < count && status == STATUS_DONE; i++) {
        status = look_at(&files[i], format, paths[i]);
        if (status == STATUS_DONE && strcmp(paths[i], "-") == 0 && count > 1)
            status = usage_error("build", "standard input can't be one of several inputs: only the "
                                          "first rank has it");
    }
    if (status == STATUS_DONE)
        add_parts(parts, files, paths, count, rank, ranks);
    free(files);
    return status;
}

void file_parts_free(struct file_parts *parts)
{
    free(parts->paths);
    free(parts->parts);
    *parts = (struct file_parts){0};
}
