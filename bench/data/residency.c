#include "data/residency.h"
#include "disk/cold.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int residency_open(struct residency *residency, const char *path, struct bench_error *error)
{
    struct stat st;

    residency->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (residency->fd < 0 || fstat(residency->fd, &st) != 0)
        return bench_error_set(error, BENCH_FAILED, "%s: %s", path, strerror(errno));
    residency->size = (uint64_t)st.st_size;
    return BENCH_OK;
}

void residency_close(struct residency *residency)
{
    if (residency->fd > 0)
        (void)close(residency->fd);
    residency->fd = 0;
}

/* ---------------------------------------------------------------- dropping */

/* A range of addresses. */
struct span {
    uint64_t from;
    uint64_t to;
};

/* Parses a line of /proc/self/maps: FROM-TO PERMISSIONS OFFSET MAJOR:MINOR INODE. False: another
 * file. */
static bool is_mapping_of(const char *line, const struct stat *st, struct span *memory,
                          uint64_t *offset)
{
    unsigned device[2];
    uint64_t inode = 0;

    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
    return sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %" SCNu64, &memory->from,
                  &memory->to, offset, &device[0], &device[1], &inode) == 6 &&
           inode == st->st_ino && makedev(device[0], device[1]) == st->st_dev;
}

/* Unmaps the pages of every nth piece from a mapping that starts at a file offset. */
static void unmap_pages(struct span memory, uint64_t offset, unsigned nth)
{
    const uint64_t step = nth * RESIDENCY_PIECE;
    const uint64_t end = offset + (memory.to - memory.from);

    for (uint64_t piece = offset / step * step; piece < end; piece += step) {
        const uint64_t from = piece > offset ? piece : offset;
        const uint64_t to = piece + RESIDENCY_PIECE < end ? piece + RESIDENCY_PIECE : end;
        if (from < to)
            (void)madvise((void *)(uintptr_t)(memory.from + (from - offset)), (size_t)(to - from),
                          MADV_DONTNEED);
    }
}

static int unmap_from_process(const struct residency *residency, unsigned nth)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4096 + 256];
    struct stat st;

    if (!maps || fstat(residency->fd, &st) != 0) {
        if (maps)
            (void)fclose(maps);
        return -1;
    }
    while (fgets(line, sizeof line, maps)) {
        struct span memory;
        uint64_t offset = 0;
        if (is_mapping_of(line, &st, &memory, &offset))
            unmap_pages(memory, offset, nth);
    }
    (void)fclose(maps);
    return 0;
}

int residency_drop(const struct residency *residency, unsigned nth, struct bench_error *error)
{
    if (unmap_from_process(residency, nth) != 0)
        return bench_error_set(error, BENCH_SKIPPED, "cannot read /proc/self/maps");
    for (uint64_t at = 0; at < residency->size; at += nth * RESIDENCY_PIECE) {
        const int code =
            posix_fadvise(residency->fd, (off_t)at, (off_t)RESIDENCY_PIECE, POSIX_FADV_DONTNEED);
        if (code != 0)
            return bench_error_set(error, BENCH_SKIPPED, "cannot drop pages: %s", strerror(code));
    }
    return BENCH_OK;
}

double residency_share(const struct residency *residency)
{
    const char *how = NULL;
    uint64_t bytes = 0;

    if (residency->size == 0 || !cold_resident(residency->fd, residency->size, &bytes, &how))
        return -1;
    return (double)bytes / (double)residency->size;
}
