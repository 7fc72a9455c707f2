/* Memory and mappings: residency, huge pages, what a child of a fork sees. See platform.h, which
 * includes this file. */
#ifndef IKV_PLATFORM_MEMORY_H
#define IKV_PLATFORM_MEMORY_H

#include "core/platform/platform_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#if IKV_ON_LINUX
#include <sys/ioctl.h>
#include <sys/syscall.h>
#endif

/* Which pages of a mapping are in memory: byte i of `vector` is odd if the i-th is. Linux answers
 * only a process that may write the file, and claims to others that all pages are. 0 or -1. */
#if IKV_ON_LINUX
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

/* Whether all pages of a range of a file are in the page cache, for the price of a few pages of
 * ikv_platform_in_core. Pages whose read failed count, too, so that only the page table shows which
 * may be touched. False: not all, or unknown. */
#if IKV_ON_LINUX && !defined(__alpha__)
static inline bool ikv_platform_is_cached(int fd, uint64_t offset, uint64_t size, uint64_t pages)
{
    struct {
        uint64_t offset, size;
    } range = {offset, size};
    struct { /* struct cachestat */
        uint64_t cached, dirty, written_back, evicted, recently_evicted;
    } found = {0, 0, 0, 0, 0};

    /* cachestat, Linux 6.5; the number is the same on all other architectures */
    return syscall(451, fd, &range, &found, 0) == 0 && found.cached == pages;
}
#else
static inline bool ikv_platform_is_cached(int fd, uint64_t offset, uint64_t size, uint64_t pages)
{
    (void)fd;
    (void)offset;
    (void)size;
    (void)pages;
    return false;
}
#endif

/* Unmap `size` bytes from the beginning of a mapping, to the end of the last page. The kernel
 * rounds up by itself, but tools that track memory (sanitizers) take the rest for still mapped. */
static inline void ikv_platform_unmap(void *begin, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)munmap(begin, (size + page - 1) / page * page);
}

/* Alignment of large mappings, so that they can consist of huge pages. */
#define IKV_HUGE_PAGE ((size_t)2 << 20)

/* Map a file at a multiple of IKV_HUGE_PAGE; NULL: it is too small or the system can't, map it
 * anywhere; MAP_FAILED with errno. */
#if IKV_ON_LINUX
static inline unsigned char *ikv_platform_map_aligned(int fd, size_t size)
{
    if (size < IKV_HUGE_PAGE || size > SIZE_MAX - IKV_HUGE_PAGE)
        return NULL;
    /* Reserve more than is needed, and release what surrounds the aligned part. */
    unsigned char *room = mmap(NULL, size + IKV_HUGE_PAGE, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return NULL;
    const size_t before = (IKV_HUGE_PAGE - (uintptr_t)room % IKV_HUGE_PAGE) % IKV_HUGE_PAGE;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t used = (size + page - 1) / page * page;
    unsigned char *bytes = mmap(room + before, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    if (bytes == MAP_FAILED) {
        const int code = errno;
        (void)munmap(room, size + IKV_HUGE_PAGE);
        errno = code;
        return MAP_FAILED;
    }
    if (before > 0)
        (void)munmap(room, before);
    (void)munmap(bytes + used, size + IKV_HUGE_PAGE - before - used);
    return bytes;
}
#else
static inline unsigned char *ikv_platform_map_aligned(int fd, size_t size)
{
    (void)fd;
    (void)size;
    return NULL;
}
#endif

/* A file mapped for random reads; NULL: -errno in *ret_code. */
static inline unsigned char *ikv_platform_map(int fd, size_t size, int *ret_code)
{
    unsigned char *bytes = ikv_platform_map_aligned(fd, size);

    /* cppcheck-suppress knownConditionTrueFalse ; on systems without aligned mappings */
    if (!bytes)
        bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        *ret_code = -errno;
        return NULL;
    }
#if IKV_ON_LINUX
    (void)madvise(bytes, size, MADV_RANDOM);
#elif defined(POSIX_MADV_RANDOM)
    (void)posix_madvise(bytes, size, POSIX_MADV_RANDOM);
#endif
    return bytes;
}

/* Let a mapping or allocated memory consist of huge pages where the system has them. */
static inline void ikv_platform_advise_huge(void *start, size_t size)
{
#if IKV_ON_LINUX && defined(MADV_HUGEPAGE)
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
#if IKV_ON_LINUX
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

/* Remove part of a mapping from the page table: pages of the page cache that are mapped can't be
 * dropped. */
static inline void ikv_platform_forget(void *start, size_t size)
{
#if IKV_ON_LINUX
    (void)madvise(start, size, MADV_DONTNEED);
#else
    (void)start;
    (void)size;
#endif
}

/* Put zeroed memory in the place of part of a mapping, in huge pages if the system has them. */
static inline int ikv_platform_map_memory(void *start, size_t size)
{
    const int prot = PROT_READ | PROT_WRITE;
    int code = 0;
#ifdef MAP_ANONYMOUS
    if (mmap(start, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        code = -errno;
#else
    const int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
    if (zero < 0)
        return -errno;
    if (mmap(start, size, prot, MAP_PRIVATE | MAP_FIXED, zero, 0) == MAP_FAILED)
        code = -errno;
    (void)close(zero);
#endif
    if (code == 0)
        ikv_platform_advise_huge(start, size);
    return code;
}

/* How a part of a mapping is entered in the page table: whether all of it is, and whether by huge
 * pages. 1 or 0; -1: unknown. The descriptor is that of ikv_platform_open_pagemap, which is
 * negative if the system has no such file; Linux can tell since 6.7. */
enum ikv_page_kind { IKV_PAGES_PRESENT = 3, IKV_PAGES_HUGE = 6 }; /* PAGE_IS_* */
#if IKV_ON_LINUX
struct ikv_pagemap_region {
    uint64_t start, end, categories;
};
struct ikv_pagemap_scan { /* struct pm_scan_arg */
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
static inline int ikv_platform_open_pagemap(void)
{
    return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}
static inline int ikv_platform_is_entered(int pagemap, const void *start, size_t size,
                                          enum ikv_page_kind kind)
{
    const uint64_t category = (uint64_t)1 << kind;
    struct ikv_pagemap_region region = {0, 0, 0};
    struct ikv_pagemap_scan scan = {.size = sizeof scan,
                                    .start = (uintptr_t)start,
                                    .end = (uintptr_t)start + size,
                                    .vec = (uintptr_t)&region,
                                    .vec_len = 1,
                                    .category_mask = category,
                                    .return_mask = category};
    const int found = ioctl(pagemap, _IOWR('f', 16, struct ikv_pagemap_scan), &scan);

    return found < 0 ? -1 : found == 1 && region.start <= scan.start && region.end >= scan.end;
}
#else
static inline int ikv_platform_open_pagemap(void)
{
    return -1;
}
static inline int ikv_platform_is_entered(int pagemap, const void *start, size_t size,
                                          enum ikv_page_kind kind)
{
    (void)pagemap;
    (void)start;
    (void)size;
    (void)kind;
    return -1;
}
#endif

/* A page that holds 1, and reads as 0 in the children of a fork. NULL: the system has no such
 * pages, or no memory. */
#if IKV_ON_LINUX && defined(MADV_WIPEONFORK)
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
#define IKV_HAVE_WIPEONFORK 0
static inline unsigned char *ikv_platform_fork_mark(void)
{
    return NULL;
}
#endif

#endif
