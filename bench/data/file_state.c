#include "data/file_state.h"

#include "data/residency.h"
#include "disk/bare_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE  4096u
#define DEPTH 256

/* Copy a file over itself in small writes. */
static int copy_in_small_writes(const char *path, struct bench_error *error)
{
    const size_t size = 4096;
    char *copy = bench_alloc(strlen(path) + 8);
    unsigned char *page = bench_alloc(size);
    ssize_t n = 0;

    (void)sprintf(copy, "%s.small", path);
    const int from = open(path, O_RDONLY | O_CLOEXEC);
    const int to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (from >= 0 && to >= 0 && (n = read(from, page, size)) > 0)
        if (write(to, page, (size_t)n) != n)
            n = -1;
    const bool done = from >= 0 && to >= 0 && n == 0 && fsync(to) == 0 && rename(copy, path) == 0;
    const int code =
        done ? BENCH_OK
             : bench_error_set(error, BENCH_FAILED, "cannot copy %s: %s", path, strerror(errno));
    if (from >= 0)
        (void)close(from);
    if (to >= 0)
        (void)close(to);
    free(copy);
    free(page);
    return code;
}

static int drop_half(const char *path, struct bench_error *error)
{
    struct residency residency = {0};
    int code = residency_open(&residency, path, error);

    if (code == BENCH_OK)
        code = residency_drop(&residency, 2, error);
    residency_close(&residency);
    return code;
}

int file_state_prepare(const struct dataset *data, enum file_state state, char *path, size_t size,
                       struct bench_error *error)
{
    int code = dataset_path(data, "ikv", path, size, error);

    if (code == BENCH_OK && state == FILE_FRESH)
        (void)unlink(path);
    if (code == BENCH_OK)
        code = dataset_ensure(data, path, size, error);
    if (code == BENCH_OK && state == FILE_SMALL)
        code = copy_in_small_writes(path, error);
    if (code == BENCH_OK && (state == FILE_LARGE || state == FILE_HALF))
        code = dataset_reload(path, error);
    if (code == BENCH_OK && state == FILE_HALF)
        code = drop_half(path, error);
    return code;
}

/* ---------------------------------------------------------------- reading again */

/* 0 or -errno. */
static int read_pages(struct bare_ring *ring, uint64_t size)
{
    uint64_t next = 0;
    int code = 0;

    while (code >= 0 && (next < size || bare_ring_in_flight(ring) > 0)) {
        for (; next < size && ring->free_count > 0; next += PAGE)
            (void)bare_ring_read(ring, next, PAGE);
        code = bare_ring_reap(ring, 1, 0);
    }
    return code < 0 ? code : 0;
}

/* Page by page, without read-ahead. */
static int read_in_small_folios(const char *path, struct bench_error *error)
{
    struct bare_ring ring = {0};
    const char *what = "reading";
    struct stat st = {0};

    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    int code = fd < 0 || fstat(fd, &st) != 0 ? -errno : 0;
    if (code == 0) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        code = bare_ring_open(&ring, DEPTH, PAGE, fd, &what);
    }
    if (code == 0) {
        code = read_pages(&ring, (uint64_t)st.st_size);
        bare_ring_close(&ring);
    }
    if (fd >= 0)
        (void)close(fd);
    return code == 0
               ? BENCH_OK
               : bench_error_set(error, BENCH_SKIPPED, "%s: %s: %s", path, what, strerror(-code));
}

int file_state_restore(const char *path, enum file_state state, struct bench_error *error)
{
    return state == FILE_SMALL ? read_in_small_folios(path, error) : dataset_warm(path, error);
}
