/* The one place where platforms differ. Everything else asks for what it needs by these names; a
 * system that lacks one gets the portable answer here. */
#ifndef IKV_PLATFORM_H
#define IKV_PLATFORM_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define IKV_BIG_ENDIAN 1
#else
#define IKV_BIG_ENDIAN 0
#endif

/* Advice on how a file will be read. POSIX, but not everywhere. */
#if defined(POSIX_FADV_SEQUENTIAL) && defined(POSIX_FADV_RANDOM)
#define IKV_ADVISE_SEQUENTIAL(fd) ((void)posix_fadvise((fd), 0, 0, POSIX_FADV_SEQUENTIAL))
#define IKV_ADVISE_RANDOM(fd)     ((void)posix_fadvise((fd), 0, 0, POSIX_FADV_RANDOM))
#define IKV_ADVISE_WILLNEED(fd, offset, length)                                                    \
    ((void)posix_fadvise((fd), (offset), (length), POSIX_FADV_WILLNEED))
#else
#define IKV_ADVISE_SEQUENTIAL(fd)               ((void)(fd))
#define IKV_ADVISE_RANDOM(fd)                   ((void)(fd))
#define IKV_ADVISE_WILLNEED(fd, offset, length) ((void)(fd))
#endif

/* Start writing a range back without waiting, so that the fsync at the end finds little left. */
#if defined(__linux__) && defined(SYNC_FILE_RANGE_WRITE)
#define IKV_START_WRITEBACK(fd, offset, length)                                                    \
    ((void)sync_file_range((fd), (offset), (length), SYNC_FILE_RANGE_WRITE))
#else
#define IKV_START_WRITEBACK(fd, offset, length) ((void)(fd))
#endif

/* Text of an errno value: static, in English, from any thread; may be NULL. */
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
#if __GLIBC_PREREQ(2, 32)
#define IKV_ERRNO_TEXT(number) strerrordesc_np(number)
#endif
#endif
#ifndef IKV_ERRNO_TEXT
#define IKV_ERRNO_TEXT(number) strerror(number)
#endif

/* Reads that bypass the page cache. 0: there is no such flag. */
#if defined(O_DIRECT)
#define IKV_O_DIRECT O_DIRECT
#else
#define IKV_O_DIRECT 0
#endif

/* Alignment that direct reads of a descriptor need, in bytes; 0: the system does not tell. */
#if defined(_GNU_SOURCE) && defined(STATX_DIOALIGN)
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

/* Cores that the process may use. */
#if defined(_GNU_SOURCE) && defined(CPU_COUNT)
static inline unsigned ikv_platform_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than fit into a set */
    return online > 0 && online <= 1024 ? (unsigned)online : 1;
}
#else
static inline unsigned ikv_platform_cores(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online <= 1024 ? (unsigned)online : 1;
}
#endif

/* Whether some pages of a mapping are in memory: byte i of `vector` is odd if the i-th is. The
 * system tells only those who may write the file (to others it says yes). 0 or -1. */
#if defined(_GNU_SOURCE) && defined(__linux__)
#define IKV_HAVE_MINCORE 1
static inline int ikv_platform_in_core(const void *start, size_t size, unsigned char *vector)
{
    return mincore((void *)(uintptr_t)start, size, vector);
}
#else
#define IKV_HAVE_MINCORE 0
static inline int ikv_platform_in_core(const void *start, size_t size,
                                       unsigned char *vector) /* NOLINT(*-non-const-parameter) */
{
    (void)start;
    (void)size;
    (void)vector;
    return -1;
}
#endif

/* Times that the calling thread had to wait for a disk because it touched memory; 0: not told. */
#if defined(_GNU_SOURCE) && defined(RUSAGE_THREAD)
static inline uint64_t ikv_platform_major_faults(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_majflt : 0;
}
#else
static inline uint64_t ikv_platform_major_faults(void)
{
    return 0;
}
#endif

/* Where an address space is large and the system has them, a mapping begins at a multiple of this,
 * so that it can be made of huge pages. */
#define IKV_HUGE_PAGE ((size_t)2 << 20)

/* A file mapped for reading, read at random; NULL: -errno in *ret_code. */
static inline unsigned char *ikv_platform_map(int fd, size_t size, int *ret_code)
{
    unsigned char *bytes = NULL;
#if defined(MAP_ANONYMOUS) && defined(MAP_NORESERVE)
    if (size >= IKV_HUGE_PAGE && size <= SIZE_MAX - IKV_HUGE_PAGE) {
        /* Reserve more than is needed, and give back what lies around the aligned part. */
        unsigned char *room = mmap(NULL, size + IKV_HUGE_PAGE, PROT_NONE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room != MAP_FAILED) {
            const size_t before = (IKV_HUGE_PAGE - (uintptr_t)room % IKV_HUGE_PAGE) % IKV_HUGE_PAGE;
            const size_t page = (size_t)sysconf(_SC_PAGESIZE);
            const size_t used = (size + page - 1) / page * page;
            bytes = mmap(room + before, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
            if (bytes == MAP_FAILED) {
                *ret_code = -errno;
                (void)munmap(room, size + IKV_HUGE_PAGE);
                return NULL;
            }
            if (before > 0)
                (void)munmap(room, before);
            (void)munmap(bytes + used, size + IKV_HUGE_PAGE - before - used);
        }
    }
#endif
    /* cppcheck-suppress knownConditionTrueFalse ; where a system has no such mappings */
    if (!bytes)
        bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        *ret_code = -errno;
        return NULL;
    }
#if defined(_GNU_SOURCE) && defined(MADV_RANDOM)
    (void)madvise(bytes, size, MADV_RANDOM);
#endif
    return bytes;
}

/* Let a mapping, or memory of our own, be made of huge pages where the system has them. */
static inline void ikv_platform_advise_huge(void *start, size_t size)
{
#if defined(_GNU_SOURCE) && defined(MADV_HUGEPAGE)
    (void)madvise(start, size, MADV_HUGEPAGE);
#else
    (void)start;
    (void)size;
#endif
}

/* Read part of a mapping into memory. -errno; -EOPNOTSUPP: the system has no such call. A read
 * error is -EFAULT, not a signal. */
static inline int ikv_platform_populate(void *start, size_t size)
{
#if defined(_GNU_SOURCE) && defined(__linux__)
    /* MADV_POPULATE_READ, Linux 5.14 */
    if (madvise(start, size, 22) == 0)
        return 0;
    return errno == EINVAL ? -EOPNOTSUPP : -errno;
#else
    (void)start;
    (void)size;
    return -EOPNOTSUPP;
#endif
}

/* A cheap clock that counts about 1 to 5 a nanosecond, or 0: there is none. */
static inline uint64_t ikv_platform_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Less than a system call that changes a file takes: 0.3 us or so. */
#define IKV_TICKS_SHORT 1000u
/* Longer than any few touches of memory take, even if none is in a cache: 10 us or so. */
#define IKV_TICKS_LONG 25000u

/* Code that uses AVX2, and whether the processor has it. */
#if defined(__x86_64__) && defined(__GNUC__)
#define IKV_HAVE_AVX2   1
#define IKV_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))
static inline bool ikv_platform_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}
#else
#define IKV_HAVE_AVX2 0
static inline bool ikv_platform_has_avx2(void)
{
    return false;
}
#endif

/* A page that reads as zero in the children of a fork, made of one that is 1; NULL: there is no
 * such thing, or no memory. */
#if defined(__linux__) && defined(MADV_WIPEONFORK)
#define IKV_HAVE_WIPEONFORK 1
static inline unsigned char *ikv_platform_fork_mark(void)
{
    unsigned char *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, 1, MADV_WIPEONFORK) != 0) {
        (void)munmap(page, 1);
        return NULL;
    }
    *page = 1;
    return page;
}
#else
static inline unsigned char *ikv_platform_fork_mark(void)
{
    return NULL;
}
#endif

/* A descriptor, fds[0], that is readable from raise to clear. */
struct ikv_notifier {
    int fds[2]; /* of a pipe; or the same twice */
};
#if defined(EFD_CLOEXEC)
static inline int ikv_notifier_open(struct ikv_notifier *notifier)
{
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    notifier->fds[0] = notifier->fds[1] = fd;
    return fd < 0 ? -errno : 0;
}
#else
static inline int ikv_notifier_open(struct ikv_notifier *notifier)
{
    if (pipe(notifier->fds) != 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(notifier->fds[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(notifier->fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}
#endif
static inline void ikv_notifier_close(struct ikv_notifier *notifier)
{
    (void)close(notifier->fds[0]);
    if (notifier->fds[1] != notifier->fds[0])
        (void)close(notifier->fds[1]);
}
static inline void ikv_notifier_raise(struct ikv_notifier *notifier)
{
    const uint64_t one = 1;
    while (write(notifier->fds[1], &one, sizeof one) < 0 && errno == EINTR)
        ;
}
static inline void ikv_notifier_clear(struct ikv_notifier *notifier)
{
    uint64_t count;
    while (read(notifier->fds[0], &count, sizeof count) < 0 && errno == EINTR)
        ;
}

/* A read that fails with EAGAIN where it would have to wait for the disk, and with EOPNOTSUPP where
 * there is no such thing, or the file system can't tell. */
#if defined(__linux__) && defined(RWF_NOWAIT)
static inline ssize_t ikv_platform_pread_nowait(int fd, void *buf, size_t size, off_t offset)
{
    const struct iovec vector = {buf, size};
    const ssize_t n = preadv2(fd, &vector, 1, offset, RWF_NOWAIT);

    if (n < 0 && (errno == ENOSYS || errno == EINVAL)) /* an old kernel knows no flags */
        errno = EOPNOTSUPP;
    return n;
}
#else
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

/* The file behind a descriptor, opened once more for reading; negative: that can't be had. And
 * whether the process may write to it. */
#if defined(__linux__) && defined(O_CLOEXEC)
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
    /* Before Linux 5.8 the C library itself guesses what AT_EACCESS would tell. */
    const bool is_plain = getuid() == geteuid() && getgid() == getegid();
    return faccessat(AT_FDCWD, path, W_OK, is_plain ? 0 : AT_EACCESS) == 0;
}
#else
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

/* Memory that will be needed soon. Any address is allowed. */
#define IKV_PREFETCH(at)       __builtin_prefetch((at), 0)
#define IKV_PREFETCH_WRITE(at) __builtin_prefetch((at), 1)

#define IKV_LIKELY(x)   __builtin_expect(!!(x), 1)
#define IKV_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
