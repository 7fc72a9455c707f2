/* Threads and processes: starting the first, identifying both. */
#ifndef IKV_THREAD_H
#define IKV_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Start a thread in which all signals are blocked but those that a thread raises itself: others are
 * for the program's own threads. 0, or an error number. */
int ikv_thread_create(pthread_t *ret_thread, void *(*main)(void *), void *argument);

/* A number unique to the calling thread. Unlike pthread_self() it is never reused. */
uint64_t ikv_thread_number(void);

/* Distinguishes the process that marked it from the children it forks, which have its memory but
 * none of its threads. */
struct ikv_process {
    const volatile unsigned char *mark; /* a page that the kernel wipes in children; NULL: none */
    long id;
};
void ikv_process_mark(struct ikv_process *process);
void ikv_process_unmark(struct ikv_process *process);
bool ikv_process_is_forked(const struct ikv_process *process);

#endif
