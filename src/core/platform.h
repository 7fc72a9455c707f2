/* The one place where platforms differ. Everything else asks for what it needs by these names; a
 * system that lacks one gets the portable answer here. */
#ifndef IKV_PLATFORM_H
#define IKV_PLATFORM_H

#include <fcntl.h>
#include <sys/stat.h>

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

#define IKV_LIKELY(x)   __builtin_expect(!!(x), 1)
#define IKV_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
