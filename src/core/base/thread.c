#include "core/base/thread.h"

#include "core/base/mix.h"
#include "core/platform/platform.h"

#include <signal.h>
#include <time.h>

int ikv_thread_create(pthread_t *ret_thread, void *(*main)(void *), void *argument)
{
    static const int raised[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof raised / sizeof raised[0]; i++)
        (void)sigdelset(&all, raised[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread inherits it */
    const int code = pthread_create(ret_thread, NULL, main, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* Threads that exist at the same time have different addresses of `number`; a later thread at the
 * same address starts at a later time. */
uint64_t ikv_thread_number(void)
{
    static _Thread_local uint64_t number;

    if (number == 0) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        number = ikv_mix((uint64_t)(uintptr_t)&number);
        number = ikv_mix(number ^ (uint64_t)now.tv_sec);
        number = ikv_mix(number ^ (uint64_t)now.tv_nsec) | 1; /* never 0 */
    }
    return number;
}

void ikv_process_mark(struct ikv_process *process)
{
    process->mark = ikv_platform_fork_mark();
    process->id = (long)getpid();
}

void ikv_process_unmark(struct ikv_process *process)
{
    if (process->mark)
        ikv_platform_unmap((void *)(uintptr_t)process->mark, 1);
    process->mark = NULL;
}

/* One system call if there is no mark. */
bool ikv_process_is_forked(const struct ikv_process *process)
{
    return process->mark ? *process->mark == 0 : process->id != (long)getpid();
}
