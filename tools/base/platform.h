/*
 * Operating system differences for the command. Functions fall back to POSIX if the system has
 * nothing better. They return -1 with errno on error; EOPNOTSUPP: the system does not support it.
 *
 * IKV_PORTABLE (the build option INDEXKV_PORTABLE) selects the fallbacks on all systems, for tests.
 */
#ifndef BASE_PLATFORM_H
#define BASE_PLATFORM_H

#if defined(__linux__) && !defined(IKV_PORTABLE)
#define PLATFORM_LINUX 1
#else
#define PLATFORM_LINUX 0
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#if PLATFORM_LINUX
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#endif
#if defined(__APPLE__)
#include <sys/ioctl.h>
#include <sys/sysctl.h>
#endif

/* From sys/disk.h, which not every SDK has. */
#if defined(__APPLE__) && !defined(DKIOCGETBLOCKCOUNT)
#define DKIOCGETBLOCKSIZE  _IOR('d', 24, uint32_t)
#define DKIOCGETBLOCKCOUNT _IOR('d', 25, uint64_t)
#endif

static inline int platform_lacks(void)
{
    errno = EOPNOTSUPP;
    return -1;
}

/* ---------------------------------------------------------------- opening */

#if (defined(O_DIRECT) || defined(F_NOCACHE)) && !defined(IKV_PORTABLE)
enum { PLATFORM_HAS_DIRECT = 1 };
#else
enum { PLATFORM_HAS_DIRECT = 0 };
#endif

/* Open a file for reads that bypass the page cache. */
static inline int platform_open_direct(const char *path, int flags)
{
#if defined(O_DIRECT) && !defined(IKV_PORTABLE)
    return open(path, flags | O_DIRECT);
#elif defined(F_NOCACHE) && !defined(IKV_PORTABLE)
    const int fd = open(path, flags);
    if (fd >= 0)
        (void)fcntl(fd, F_NOCACHE, 1);
    return fd;
#else
    const int fd = open(path, flags); /* a missing file is the error to report first */
    if (fd < 0)
        return fd;
    (void)close(fd);
    return platform_lacks();
#endif
}

/* Create an unnamed file. EOPNOTSUPP: the system or the file system does not support them. */
static inline int platform_open_unnamed(const char *directory)
{
#if PLATFORM_LINUX && defined(O_TMPFILE)
    const int fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EISDIR || errno == EINVAL))
        errno = EOPNOTSUPP;
    return fd;
#else
    (void)directory;
    return platform_lacks();
#endif
}

/* Whether platform_reopen can open unlinked files. */
enum { PLATFORM_REOPENS_UNLINKED = PLATFORM_LINUX };

/* Open the file of a descriptor again, by `path` if the system requires a name. */
static inline int platform_reopen(int fd, const char *path, int flags, bool direct)
{
#if PLATFORM_LINUX
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    path = link;
#else
    (void)fd;
#endif
    return direct ? platform_open_direct(path, flags) : open(path, flags);
}

/* ---------------------------------------------------------------- advice, durability */

static inline void platform_will_read_sequentially(int fd)
{
#if defined(POSIX_FADV_SEQUENTIAL) && !defined(IKV_PORTABLE)
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#else
    (void)fd;
#endif
}

static inline void platform_will_read_randomly(int fd)
{
#if defined(POSIX_FADV_RANDOM) && !defined(IKV_PORTABLE)
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
#else
    (void)fd;
#endif
}

static inline void platform_will_read(int fd, off_t offset, off_t length)
{
#if defined(POSIX_FADV_WILLNEED) && !defined(IKV_PORTABLE)
    (void)posix_fadvise(fd, offset, length, POSIX_FADV_WILLNEED);
#else
    (void)fd;
    (void)offset;
    (void)length;
#endif
}

#if defined(POSIX_FADV_DONTNEED) && !defined(IKV_PORTABLE)
enum { PLATFORM_DROPS_CACHE = 1 };
#else
enum { PLATFORM_DROPS_CACHE = 0 };
#endif

/* Drop a file's clean pages from the page cache. */
static inline int platform_drop_cache(int fd)
{
#if defined(POSIX_FADV_DONTNEED) && !defined(IKV_PORTABLE)
    errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return errno ? -1 : 0;
#else
    (void)fd;
    return platform_lacks();
#endif
}

static inline int platform_sync_data(int fd)
{
#if defined(F_FULLFSYNC)
    return fcntl(fd, F_FULLFSYNC) != -1 ? 0 : fsync(fd);
#elif defined(IKV_PORTABLE)
    return fsync(fd);
#else
    return fdatasync(fd);
#endif
}

/* Allocate disk space for a file, or check that there is enough. */
static inline int platform_allocate(int fd, off_t size)
{
#if PLATFORM_LINUX
    return fallocate(fd, 0, 0, size);
#else
    struct statvfs st;
    if (fstatvfs(fd, &st) == 0 && (uint64_t)size > (uint64_t)st.f_bavail * st.f_frsize) {
        errno = ENOSPC;
        return -1;
    }
    return 0;
#endif
}

/* ---------------------------------------------------------------- residency */

/* Number of a file's pages in the page cache, with cachestat (Linux 6.5), whose number is the same
 * on all architectures. */
static inline int platform_cached_pages(int fd, uint64_t size, uint64_t *ret_pages)
{
#if PLATFORM_LINUX
    const uint64_t range[2] = {0, size}; /* offset, length */
    uint64_t counts[5] = {0}; /* cached, dirty, being written, evicted, recently evicted */
    if (syscall(451, fd, range, counts, 0) != 0)
        return -1;
    *ret_pages = counts[0];
    return 0;
#else
    (void)fd;
    (void)size;
    (void)ret_pages;
    return platform_lacks();
#endif
}

/* Which pages of a mapping are in memory: byte i of `vector` is odd if page i is. */
static inline int platform_in_core(void *start, size_t size, unsigned char *vector)
{
#if PLATFORM_LINUX
    return mincore(start, size, vector);
#else
    (void)start;
    (void)size;
    (void)vector;
    return platform_lacks();
#endif
}

/* ---------------------------------------------------------------- machine, devices */

/* Number of CPUs available to the process; 0: unknown. */
static inline int platform_usable_cores(void)
{
#if PLATFORM_LINUX && defined(CPU_COUNT)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    return 0;
}

/* Size of physical memory in bytes; 0: unknown. */
static inline uint64_t platform_memory(void)
{
#if defined(_SC_PHYS_PAGES)
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
#else
    return 0;
#endif
}

/* The name of the processor, on systems without /proc/cpuinfo. */
static inline bool platform_processor(char *name, /* NOLINT(*-non-const-parameter) */
                                      size_t size)
{
#if defined(__APPLE__)
    return sysctlbyname("machdep.cpu.brand_string", name, &size, NULL, 0) == 0;
#else
    (void)name;
    (void)size;
    return false;
#endif
}

/* Device numbers by major and minor number, as in /proc and /sys of Linux. Other systems get
 * invalid numbers. */
static inline dev_t platform_device(unsigned major_number, unsigned minor_number)
{
#if PLATFORM_LINUX
    return makedev(major_number, minor_number);
#else
    (void)major_number;
    (void)minor_number;
    return (dev_t)-1;
#endif
}

static inline void platform_device_numbers(dev_t device, unsigned *ret_major, unsigned *ret_minor)
{
#if PLATFORM_LINUX
    *ret_major = major(device);
    *ret_minor = minor(device);
#else
    (void)device;
    *ret_major = *ret_minor = UINT_MAX;
#endif
}

/* Size of a block device in bytes. */
static inline off_t platform_device_size(int fd)
{
#if defined(__APPLE__)
    uint64_t blocks;
    uint32_t size;
    if (ioctl(fd, DKIOCGETBLOCKCOUNT, &blocks) != 0 || ioctl(fd, DKIOCGETBLOCKSIZE, &size) != 0)
        return -1;
    return (off_t)(blocks * size);
#else
    return lseek(fd, 0, SEEK_END);
#endif
}

/* ---------------------------------------------------------------- processes, threads */

/* Create a pipe with close-on-exec ends. */
static inline int platform_pipe(int ends[2])
{
#if PLATFORM_LINUX
    return pipe2(ends, O_CLOEXEC);
#else
    if (pipe(ends) != 0)
        return -1;
    for (int i = 0; i < 2; i++)
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    return 0;
#endif
}

/* Let a pipe hold more bytes, where that is possible. */
static inline void platform_enlarge_pipe(int fd)
{
#if PLATFORM_LINUX && defined(F_SETPIPE_SZ)
    (void)fcntl(fd, F_SETPIPE_SZ, 1 << 20);
#else
    (void)fd;
#endif
}

/* Wait until a descriptor is readable, with `mask` as the signal mask. -1 with EINTR: a signal was
 * caught. */
static inline int platform_wait_readable(int fd, const sigset_t *mask)
{
#if PLATFORM_LINUX
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return ppoll(&poll_fd, 1, NULL, mask) >= 0 ? 0 : -1;
#else
    fd_set fds;
    if (fd < 0 || fd >= FD_SETSIZE) {
        errno = EINVAL;
        return -1;
    }
    FD_ZERO(&fds);
    FD_SET(fd, &fds);
    return pselect(fd + 1, &fds, NULL, NULL, NULL, mask) >= 0 ? 0 : -1;
#endif
}

/* Initialize a condition variable whose timed waits use PLATFORM_COND_CLOCK, the monotonic clock if
 * the system supports it. Returns 0 or an errno. */
#if defined(__APPLE__) || defined(IKV_PORTABLE)
#define PLATFORM_COND_CLOCK CLOCK_REALTIME
static inline int platform_cond_init(pthread_cond_t *cond)
{
    return pthread_cond_init(cond, NULL);
}
#else
#define PLATFORM_COND_CLOCK CLOCK_MONOTONIC
static inline int platform_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int code = pthread_condattr_init(&attributes);

    if (code != 0)
        return code;
    (void)pthread_condattr_setclock(&attributes, PLATFORM_COND_CLOCK);
    code = pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return code;
}
#endif

/* Wait for a change, but at most a tenth of a second, so that signals and progress are noticed. */
static inline void platform_cond_wait_briefly(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    struct timespec limit;
    clock_gettime(PLATFORM_COND_CLOCK, &limit);
    limit.tv_nsec += 100000000;
    if (limit.tv_nsec >= 1000000000) {
        limit.tv_nsec -= 1000000000;
        limit.tv_sec++;
    }
    (void)pthread_cond_timedwait(cond, mutex, &limit);
}

#endif
