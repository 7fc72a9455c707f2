#include "core/io/file_io.h"

#include "core/platform/platform.h"
#include "indexkv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Linux transfers at most 0x7ffff000 bytes per call; a round number keeps offsets aligned. */
#define CALL_MAX ((size_t)1 << 30)

int ikv_pread_some(int fd, void *buf, size_t size, size_t need, uint64_t offset, uint64_t *retries)
{
    unsigned char *at = buf;
    size_t done = 0;

    while (done < need) {
        size_t left = size - done;
        ssize_t n = pread(fd, at + done, left < CALL_MAX ? left : CALL_MAX, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return IKV_E_TRUNCATED;
        if (n > 0)
            done += (size_t)n;
        if (retries && done < need)
            ++*retries;
    }
    return 0;
}

int ikv_pread_resident(int fd, void *buf, size_t size, size_t need, uint64_t offset)
{
    unsigned char *at = buf;
    size_t done = 0;

    while (done < need) {
        ssize_t n = ikv_platform_pread_nowait(fd, at + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return IKV_E_TRUNCATED;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

int ikv_pread_all(int fd, void *buf, size_t size, uint64_t offset, uint64_t *retries)
{
    return ikv_pread_some(fd, buf, size, size, offset, retries);
}

int ikv_pwrite_all(int fd, const void *buf, size_t size, uint64_t offset)
{
    const unsigned char *at = buf;

    while (size > 0) {
        ssize_t n = pwrite(fd, at, size < CALL_MAX ? size : CALL_MAX, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO; /* no error, no progress: would loop forever */
        if (n > 0) {
            at += n;
            size -= (size_t)n;
            offset += (uint64_t)n;
        }
    }
    return 0;
}

int ikv_random_bytes(void *buf, size_t size)
{
    return ikv_platform_random(buf, size) == 0 ? 0 : -errno;
}

static int open_unlinked(const char *dir)
{
    unsigned char random[8];
    char *path = malloc(strlen(dir) + 40);
    int code = path ? ikv_random_bytes(random, sizeof random) : -ENOMEM;

    if (code == 0) {
        (void)sprintf(path, "%s/.indexkv.%02x%02x%02x%02x%02x%02x%02x%02x.tmp", dir, random[0],
                      random[1], random[2], random[3], random[4], random[5], random[6], random[7]);
        code = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (code < 0)
            code = -errno;
        else if (unlink(path) != 0) {
            int failure = -errno;
            (void)close(code);
            code = failure;
        }
    }
    free(path);
    return code;
}

int ikv_temp_open(const char *dir)
{
    const int fd = ikv_platform_open_unnamed(dir);

    if (fd >= 0)
        return fd;
    return errno == EOPNOTSUPP ? open_unlinked(dir) : -errno;
}

char *ikv_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;

    if (slash == path)
        length = 1;
    char *dir = malloc(length + 2);
    if (!dir)
        return NULL;
    memcpy(dir, length ? path : ".", length ? length : 1);
    dir[length ? length : 1] = 0;
    return dir;
}
