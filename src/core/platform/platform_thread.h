/* Threads: cores, page faults, waking somebody who waits for a descriptor. See platform.h, which
 * includes this file. */
#ifndef IKV_PLATFORM_THREAD_H
#define IKV_PLATFORM_THREAD_H

#include "core/platform/platform_system.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>
#if IKV_ON_LINUX
#include <sys/eventfd.h>
#endif

/* Cores that the process may use. */
static inline unsigned ikv_platform_cores(void)
{
#if IKV_ON_LINUX && defined(CPU_COUNT)
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
        /* More cores than fit into a set. */
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online <= 1024 ? (unsigned)online : 1;
}

/* Let other threads go first: beside one that runs all the time, the calling thread gets a quarter
 * of a core. */
static inline void ikv_platform_lower_priority(void)
{
#if IKV_ON_LINUX
    errno = 0; /* priorities are those of threads; -1 is one */
    const int now = getpriority(PRIO_PROCESS, 0);
    if (now != -1 || errno == 0)
        (void)setpriority(PRIO_PROCESS, 0, now + 5);
#endif
}

/* Times that memory accesses of the calling thread waited for a disk; 0: unknown. */
#if defined(RUSAGE_THREAD) && !defined(IKV_PORTABLE)
#define IKV_HAVE_THREAD_FAULTS 1
static inline uint64_t ikv_platform_major_faults(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_majflt : 0;
}
#else
#define IKV_HAVE_THREAD_FAULTS 0
static inline uint64_t ikv_platform_major_faults(void)
{
    return 0;
}
#endif

/* A descriptor, fds[0], that is readable between raise and clear. They alternate. */
struct ikv_notifier {
    int fds[2]; /* the ends of a pipe; or an eventfd twice */
};
#if IKV_ON_LINUX
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

#endif
