#include "seek/test_file.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/platform.h"
#include "base/signals.h"
#include "disk/pattern.h"
#include "report/report_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PART = 1 << 20 };

static int failed(const struct test_file *file, const char *what, int code)
{
    struct statvfs st;
    if ((code == ENOSPC || code == EDQUOT) && statvfs(file->directory, &st) == 0)
        message("%s: no space for a test file of %s, %s available (--file-size): %s",
                file->directory, report_bytes_text((double)file->size).text,
                report_bytes_text((double)st.f_bavail * (double)st.f_frsize).text, strerror(code));
    else
        message("%s: %s: %s", file->directory, what, strerror(code));
    return STATUS_IO;
}

/* Opens the new file for writing. Returns a descriptor, or -1 after reporting. */
static int create(struct test_file *file)
{
    int length = snprintf(file->path, sizeof file->path, "%s/indexkv-seek.data", file->directory);
    if (length < 0 || (size_t)length >= sizeof file->path) {
        failed(file, "creating a test file", ENAMETOOLONG);
        return -1;
    }
    int fd = -1;
    if (!file->keep)
        fd = platform_open_unnamed(file->directory);
    if (fd >= 0)
        return fd;
    if (!file->keep && errno != EOPNOTSUPP) {
        failed(file, "creating a test file", errno);
        return -1;
    }
    fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        message("%s: already exists: pass it instead of the directory, or remove it", file->path);
    else if (fd < 0)
        failed(file, "creating a test file", errno);
    else if (!file->keep && PLATFORM_REOPENS_UNLINKED)
        (void)unlink(file->path);
    return fd;
}

static int write_part(int fd, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR)
            return errno;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

static void fill_part(uint64_t *words, uint64_t *state)
{
    for (size_t i = 0; i < PART / sizeof *words; i++)
        words[i] = disk_random(state);
}

/* 0, an errno, or EINTR after a signal. */
static int fill(struct test_file *file, int fd, struct progress *progress)
{
    uint64_t *part = malloc(PART);
    uint64_t state = file->seed, done = 0;
    int code = part ? 0 : ENOMEM;
    /* Allocates the space first, so that a full disk is reported at once. */
    if (code == 0 && platform_allocate(fd, (off_t)file->size) != 0 && errno != EOPNOTSUPP)
        code = errno;
    while (done < file->size && code == 0) {
        const size_t size = file->size - done < PART ? (size_t)(file->size - done) : PART;
        fill_part(part, &state);
        code = write_part(fd, (unsigned char *)part, size);
        done += size;
        progress_update(progress, &(struct progress_point){.phase = "writing a test file",
                                                           .count = done,
                                                           .unit = "bytes",
                                                           .done = done,
                                                           .total = file->size});
        code = signals_caught() ? EINTR : code;
    }
    free(part);
    if (code == 0 && platform_sync_data(fd) != 0)
        code = errno;
    return code;
}

/* Opens the same file again, read-only. */
static int reopen(const struct test_file *file, int fd, bool direct)
{
    const int again = platform_reopen(fd, file->path, O_RDONLY | O_CLOEXEC, direct);
    if (again < 0 && errno == EINVAL && direct)
        message("%s: the file system does not support O_DIRECT: try --cached", file->directory);
    else if (again < 0 && errno == EOPNOTSUPP && direct)
        message("%s: this system has no O_DIRECT: try --cached", file->directory);
    else if (again < 0)
        failed(file, "opening the test file", errno);
    return again;
}

int test_file_make(struct test_file *file, bool direct, struct progress *progress, int *ret_fd)
{
    const int fd = create(file);
    int status = STATUS_IO;
    if (fd < 0)
        return STATUS_IO;
    const int code = fill(file, fd, progress);
    if (code == EINTR && signals_caught())
        status = STATUS_INTERRUPTED;
    else if (code != 0)
        failed(file, "writing a test file", code);
    else {
        *ret_fd = reopen(file, fd, direct);
        status = *ret_fd >= 0 ? STATUS_DONE : STATUS_IO;
    }
    (void)platform_drop_cache(fd);
    (void)close(fd);
    if (file->keep ? status != STATUS_DONE : !PLATFORM_REOPENS_UNLINKED)
        (void)unlink(file->path);
    return status;
}
