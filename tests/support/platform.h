/*
 * Differences between systems, for the tests. A function whose feature the system lacks reports
 * that it is not supported; tests that need the feature are skipped.
 *
 * IKV_PORTABLE (the build option INDEXKV_PORTABLE) changes the library, not what tests may use.
 */
#ifndef TEST_PLATFORM_H
#define TEST_PLATFORM_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/mount.h>
#endif

/* Whether the library reads random numbers from a file, whether its temporary files have names. */
#if defined(IKV_PORTABLE)
enum { TEST_RANDOM_IS_READ = 1, TEST_TEMP_FILES_ARE_NAMED = 1 };
#else
enum { TEST_RANDOM_IS_READ = 0, TEST_TEMP_FILES_ARE_NAMED = 0 };
#endif

/* The directory with an entry per descriptor of the process. */
#if defined(__linux__)
#define TEST_DESCRIPTORS "/proc/self/fd"
#else
#define TEST_DESCRIPTORS "/dev/fd"
#endif

/* With 64-bit offsets and fortified calls, glibc gives some functions further names. */
#if defined(__GLIBC__)
#define TEST_GLIBC_NAMES 1
#else
#define TEST_GLIBC_NAMES 0
#endif

/* ---------------------------------------------------------------- files */

/* Open for reads that bypass the page cache. -1: not supported. */
static inline int test_open_direct(const char *path, int flags, mode_t mode)
{
#if defined(O_DIRECT)
    return open(path, flags | O_DIRECT, mode);
#elif defined(F_NOCACHE)
    const int fd = open(path, flags, mode);
    if (fd >= 0)
        (void)fcntl(fd, F_NOCACHE, 1);
    return fd;
#else
    (void)path;
    (void)flags;
    (void)mode;
    errno = EINVAL;
    return -1;
#endif
}

/* Drop a range of a file from the page cache (length 0: to the end). Returns 0 or an errno. */
static inline int test_drop_cache(int fd, off_t offset, off_t length)
{
#if defined(POSIX_FADV_DONTNEED)
    return posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
#else
    (void)fd;
    (void)offset;
    (void)length;
    return EOPNOTSUPP;
#endif
}

/* Whether flags of open request a file without a name. */
static inline bool test_is_unnamed(int flags)
{
#if defined(O_TMPFILE)
    return (flags & O_TMPFILE) == O_TMPFILE;
#else
    (void)flags;
    return false;
#endif
}

static inline int test_sync_data(int fd)
{
#if defined(__APPLE__)
    return fsync(fd);
#else
    return fdatasync(fd);
#endif
}

/* Take a write lease, which makes others that open the file wait. False: not supported. */
static inline bool test_lease(int fd)
{
#if defined(F_SETLEASE)
    return fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
#else
    (void)fd;
    return false;
#endif
}

/* Memory that is reserved only when it is touched: the default where the flag is missing. */
#if defined(MAP_NORESERVE)
#define TEST_MAP_NORESERVE MAP_NORESERVE
#else
#define TEST_MAP_NORESERVE 0
#endif

/* Which pages of a mapping are resident: bit 0 of vector[i] is for page i. Returns 0 or -1. */
static inline int test_in_core(void *start, size_t size, unsigned char *vector)
{
#if defined(__linux__)
    return mincore(start, size, vector);
#else
    (void)start;
    (void)size;
    (void)vector;
    return -1;
#endif
}

/* Move the process into a new mount namespace, and with `with_user` a new user namespace. False:
 * not permitted or not supported. */
static inline bool test_unshare_mounts(bool with_user)
{
#if defined(__linux__)
    return unshare(with_user ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) == 0;
#else
    (void)with_user;
    return false;
#endif
}

/* Mount a private file system in memory, or with `again` change its options. */
static inline bool test_mount_memory(const char *path, const char *options, bool again)
{
#if defined(__linux__)
    const unsigned long flags = MS_NOSUID | MS_NODEV;
    if (!again && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    return mount("tmpfs", path, "tmpfs", again ? flags | MS_REMOUNT : flags, options) == 0;
#else
    (void)path;
    (void)options;
    (void)again;
    return false;
#endif
}

/* ---------------------------------------------------------------- limits */

/* Limit of the address space of a process. OpenBSD has none. */
#if defined(RLIMIT_AS)
enum { TEST_LIMITS_ADDRESSES = 1 };
#define TEST_RLIMIT_AS RLIMIT_AS
#else
enum { TEST_LIMITS_ADDRESSES = 0 };
#define TEST_RLIMIT_AS RLIMIT_DATA
#endif

/* ---------------------------------------------------------------- threads, signals */

/* Accept a blocked signal sent to the process. False: none arrived within 10 seconds. */
static inline bool test_take_signal(int number)
{
    sigset_t set;
    for (int tries = 0; tries < 1000; tries++) {
        if (sigpending(&set) == 0 && sigismember(&set, number)) {
            (void)sigemptyset(&set);
            (void)sigaddset(&set, number);
            return sigwait(&set, &number) == 0;
        }
        (void)usleep(10000);
    }
    return false;
}

/* POSIX barriers, which macOS lacks. */
struct test_barrier {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned wanted, waiting;
    unsigned long round;
};

static inline int test_barrier_init(struct test_barrier *barrier, unsigned count)
{
    *barrier = (struct test_barrier){.wanted = count};
    const int code = pthread_mutex_init(&barrier->mutex, NULL);
    return code ? code : pthread_cond_init(&barrier->changed, NULL);
}

static inline void test_barrier_wait(struct test_barrier *barrier)
{
    (void)pthread_mutex_lock(&barrier->mutex);
    const unsigned long round = barrier->round;
    if (++barrier->waiting == barrier->wanted) {
        barrier->waiting = 0;
        barrier->round++;
        (void)pthread_cond_broadcast(&barrier->changed);
    }
    while (barrier->round == round)
        (void)pthread_cond_wait(&barrier->changed, &barrier->mutex);
    (void)pthread_mutex_unlock(&barrier->mutex);
}

static inline void test_barrier_destroy(struct test_barrier *barrier)
{
    (void)pthread_cond_destroy(&barrier->changed);
    (void)pthread_mutex_destroy(&barrier->mutex);
}

#endif
