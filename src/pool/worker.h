/*
 * A worker: a thread with its own ring and read buffers, which executes runs from the queue.
 *
 *     take     runs from the queue, while there is room in the windows
 *     plan     a read of each run in turn, until the windows are full or reads have finished
 *     reap     one finished read, which makes further ones possible
 *     retire   runs that are done
 *
 * All runs in flight plan one read in turn, so a run of a huge batch and one of a small batch share
 * the window evenly. While the window is full, or while reads finish soon after a run was taken,
 * only runs of fresh jobs are taken.
 */
#ifndef IKV_POOL_WORKER_H
#define IKV_POOL_WORKER_H

#include "pool/queue.h"
#include "pool/windows.h"

struct ikv_worker {
    struct ikv_queue *queue;
    unsigned number; /* in its engine, from 0 */
    pthread_t thread;
    _Atomic uint64_t thread_number; /* ikv_thread_number of it; 0: not running yet */

    /* The rest is used by the thread only. */
    struct ikv_windows windows;
    struct ikv_run *active; /* ring of the runs in its windows; the one to plan next */
    unsigned active_count;
    unsigned reaped;        /* times that reads were reaped since it took a run */
    bool is_busy;           /* finished reads were waiting when it last stopped planning */
    uint64_t release_count; /* queue->release_count when it last released files */
};

/* The thread; `argument` is the ikv_worker. */
void *ikv_worker_main(void *argument);

#endif
