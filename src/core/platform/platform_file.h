/* Files: advice, direct and non-waiting reads, durability, temporary files. See platform.h, which
 * includes this file. */
#ifndef IKV_PLATFORM_FILE_H
#define IKV_PLATFORM_FILE_H

#include "core/platform/platform_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#if IKV_ON_APPLE
#include <sys/random.h>
#endif

/* ---------------------------------------------------------------- advice */

/* How a file will be read. Only hints: errors are ignored. */
#if defined(POSIX_FADV_SEQUENTIAL) && !defined(IKV_PORTABLE)
#define IKV_ADVISE_SEQUENTIAL(fd) ((void)posix_fadvise((fd), 0, 0, POSIX_FADV_SEQUENTIAL))
#define IKV_ADVISE_RANDOM(fd)     ((void)posix_fadvise((fd), 0, 0, POSIX_FADV_RANDOM))
#define IKV_ADVISE_DONTNEED(fd, offset, length)                                                    \
    ((void)posix_fadvise((fd), (offset), (length), POSIX_FADV_DONTNEED))
#define IKV_ADVISE_WILLNEED(fd, offset, length)                                                    \
    ((void)posix_fadvise((fd), (offset), (length), POSIX_FADV_WILLNEED))
#elif defined(F_RDAHEAD) && defined(F_RDADVISE)
static inline void ikv_platform_will_need(int fd, off_t offset, off_t length)
{
    struct radvisory advice = {.ra_offset = offset};

    advice.ra_count = length < INT32_MAX ? (int)length : INT32_MAX;
    (void)fcntl(fd, F_RDADVISE, &advice);
}
#define IKV_ADVISE_SEQUENTIAL(fd)               ((void)fcntl((fd), F_RDAHEAD, 1))
#define IKV_ADVISE_RANDOM(fd)                   ((void)fcntl((fd), F_RDAHEAD, 0))
#define IKV_ADVISE_DONTNEED(fd, offset, length) ((void)(fd), (void)(offset), (void)(length))
#define IKV_ADVISE_WILLNEED(fd, offset, length) ikv_platform_will_need((fd), (offset), (length))
#else
#define IKV_ADVISE_SEQUENTIAL(fd)               ((void)(fd))
#define IKV_ADVISE_RANDOM(fd)                   ((void)(fd))
#define IKV_ADVISE_DONTNEED(fd, offset, length) ((void)(fd), (void)(offset), (void)(length))
#define IKV_ADVISE_WILLNEED(fd, offset, length) ((void)(fd))
#endif

/* Start writing a range back without waiting, so that the sync at the end finds little left. */
#if IKV_ON_LINUX && defined(SYNC_FILE_RANGE_WRITE)
#define IKV_START_WRITEBACK(fd, offset, length)                                                    \
    ((void)sync_file_range((fd), (offset), (length), SYNC_FILE_RANGE_WRITE))
#else
#define IKV_START_WRITEBACK(fd, offset, length) ((void)(fd))
#endif

/* ---------------------------------------------------------------- direct reads */

/* Open a file for reads that bypass the page cache; -1 with errno. Without IKV_HAVE_DIRECT the
 * system has no such reads. */
#if defined(O_DIRECT) && !defined(IKV_PORTABLE)
#define IKV_HAVE_DIRECT 1
static inline int ikv_platform_open_direct(const char *path, int flags)
{
    return open(path, flags | O_DIRECT);
}
#elif defined(F_NOCACHE)
#define IKV_HAVE_DIRECT 1
static inline int ikv_platform_open_direct(const char *path, int flags)
{
    const int fd = open(path, flags);

    if (fd >= 0 && fcntl(fd, F_NOCACHE, 1) == -1) {
        const int code = errno;
        (void)close(fd);
        errno = code;
        return -1;
    }
    return fd;
}
#else
#define IKV_HAVE_DIRECT 0
static inline int ikv_platform_open_direct(const char *path, int flags)
{
    (void)path;
    (void)flags;
    errno = EOPNOTSUPP;
    return -1;
}
#endif

/* Alignment that direct reads of a descriptor need, in bytes; 0: unknown. */
#if IKV_ON_LINUX && defined(STATX_DIOALIGN)
static inline unsigned ikv_platform_direct_align(int fd)
{
    struct statx stx;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) != 0 || !(stx.stx_mask & STATX_DIOALIGN))
        return 0;
    return stx.stx_dio_mem_align > stx.stx_dio_offset_align ? stx.stx_dio_mem_align
                                                            : stx.stx_dio_offset_align;
}
#else
static inline unsigned ikv_platform_direct_align(int fd)
{
    (void)fd;
    return 0;
}
#endif

/* ---------------------------------------------------------------- reads without waiting */

/* A read that fails with EAGAIN instead of waiting for the disk; with EOPNOTSUPP where the system
 * or the file system has no such reads. */
#if IKV_ON_LINUX && defined(RWF_NOWAIT)
#define IKV_HAVE_NOWAIT 1
static inline ssize_t ikv_platform_pread_nowait(int fd, void *buf, size_t size, off_t offset)
{
    const struct iovec vector = {buf, size};
    const ssize_t n = preadv2(fd, &vector, 1, offset, RWF_NOWAIT);

    if (n < 0 && (errno == ENOSYS || errno == EINVAL)) /* an old kernel knows no flags */
        errno = EOPNOTSUPP;
    return n;
}
#else
#define IKV_HAVE_NOWAIT 0
static inline ssize_t ikv_platform_pread_nowait(int fd, void *buf, size_t size, off_t offset)
{
    (void)fd;
    (void)buf;
    (void)size;
    (void)offset;
    errno = EOPNOTSUPP;
    return -1;
}
#endif

/* ---------------------------------------------------------------- the file of a descriptor */

/* Reopen the file of a descriptor for reading; negative: not possible. And whether the process may
 * write to it. */
#if IKV_ON_LINUX
#define IKV_HAVE_REOPEN 1
static inline int ikv_platform_reopen(int fd)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static inline bool ikv_platform_may_write(int fd)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    /* Before Linux 5.8 the C library only guesses the answer to AT_EACCESS. */
    const bool is_plain = getuid() == geteuid() && getgid() == getegid();
    return faccessat(AT_FDCWD, path, W_OK, is_plain ? 0 : AT_EACCESS) == 0;
}
#else
#define IKV_HAVE_REOPEN 0
static inline bool ikv_platform_may_write(int fd)
{
    (void)fd;
    return false;
}

static inline int ikv_platform_reopen(int fd)
{
    (void)fd;
    return -1;
}
#endif

/* Times of a struct stat, as struct timespec. */
#if IKV_ON_APPLE
#define IKV_STAT_MTIME(st) ((st)->st_mtimespec)
#define IKV_STAT_CTIME(st) ((st)->st_ctimespec)
#else
#define IKV_STAT_MTIME(st) ((st)->st_mtim)
#define IKV_STAT_CTIME(st) ((st)->st_ctim)
#endif

/* ---------------------------------------------------------------- writing */

/* fsync, down to the medium: 0, or -1 with errno. On macOS fsync leaves data in the drive's cache;
 * file systems without F_FULLFSYNC, as on a network, have fsync only. */
static inline int ikv_platform_sync(int fd)
{
#if defined(F_FULLFSYNC)
    if (fcntl(fd, F_FULLFSYNC) != -1)
        return 0;
#endif
    return fsync(fd);
}

/* Create a file without a name in a directory: a descriptor, or -1 with errno; EOPNOTSUPP: the
 * system, the file system or the kernel has no such files. */
#if IKV_ON_LINUX && defined(O_TMPFILE)
static inline int ikv_platform_open_unnamed(const char *dir)
{
    const int fd = open(dir, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);

    /* How file systems and kernels without O_TMPFILE fail. */
    if (fd < 0 && (errno == EISDIR || errno == ENOENT || errno == EINVAL))
        errno = EOPNOTSUPP;
    return fd;
}
#else
static inline int ikv_platform_open_unnamed(const char *dir)
{
    (void)dir;
    errno = EOPNOTSUPP;
    return -1;
}
#endif

/* ---------------------------------------------------------------- entropy */

/* At most 256 random bytes: 0, or -1 with errno. */
#if !defined(IKV_PORTABLE)
static inline int ikv_platform_random(void *buf, size_t size)
{
    return getentropy(buf, size);
}
#else
static inline int ikv_platform_random(void *buf, size_t size)
{
    const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    unsigned char *at = buf;
    int code = 0;

    if (fd < 0)
        return -1;
    while (size > 0 && code == 0) {
        const ssize_t n = read(fd, at, size);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            code = n == 0 ? EIO : errno;
        }
    }
    (void)close(fd);
    errno = code;
    return code == 0 ? 0 : -1;
}
#endif

#endif
