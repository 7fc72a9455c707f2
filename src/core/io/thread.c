#include "core/base/platform.h"
#include "core/format/checksum.h"
#include "core/io/io.h"

#include <time.h>

/* Threads that live at the same time keep their numbers at different addresses; a later one that
 * gets the address of an ended one finds zero there, and another time. */
uint64_t ikv_thread_number(void)
{
    static _Thread_local uint64_t number;

    if (number == 0) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        const uint64_t facts[] = {(uint64_t)(uintptr_t)&number, (uint64_t)now.tv_sec,
                                  (uint64_t)now.tv_nsec};
        number = ikv_checksum(facts, sizeof facts) | 1; /* never 0 */
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
        (void)munmap((void *)(uintptr_t)process->mark, 1);
    process->mark = NULL;
}

/* Without a mark it takes a system call. */
bool ikv_process_is_forked(const struct ikv_process *process)
{
    return process->mark ? *process->mark == 0 : process->id != (long)getpid();
}
