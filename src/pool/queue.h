/*
 * The queue of an engine: the jobs of all its stores, from callers to workers. One lock guards it.
 * The lock is held for a few instructions, a few times per job and per run; never during a read, a
 * search or a callback.
 */
#ifndef IKV_POOL_QUEUE_H
#define IKV_POOL_QUEUE_H

#include "pool/schedule.h"

enum ikv_queue_state { IKV_QUEUE_NEW, IKV_QUEUE_RUNNING, IKV_QUEUE_CLOSED };

struct ikv_queue {
    unsigned max_jobs;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t work;  /* for workers: a run to take, files to release, the queue closed */
    pthread_cond_t room;  /* for callers: fewer jobs than max_jobs */
    pthread_cond_t quiet; /* for closing: jobs have ended, files were released, callers are gone */
    enum ikv_queue_state state;
    unsigned workers; /* threads that serve it */
    unsigned waiters; /* callers that wait for room */
    unsigned job_count;
    struct ikv_job *jobs;
    struct ikv_schedule schedule;

    /* A store that is being closed: each worker removes its files from its ring. */
    const struct ikv_store *releasing;
    unsigned release_left;          /* workers that have not done so yet */
    _Atomic uint64_t release_count; /* releases begun; also read without the lock, as a hint */
};

/* A store that uses the queue. */
struct ikv_client {
    struct ikv_queue *queue;
    ikv_store *store;
    struct ikv_lane lane;
    bool is_closing;       /* no further jobs are accepted */
    unsigned job_count;    /* until their ends were reported */
    atomic_bool used_ring; /* a worker's ring may know the store's files */
};

/* -ENOMEM */
int ikv_queue_init(struct ikv_queue *queue, unsigned max_jobs);
void ikv_queue_destroy(struct ikv_queue *queue);
/* Cancel all jobs, make waiting callers return IKV_E_CANCELED and workers end. Returns when no
 * caller waits any more; the threads are still to be joined. */
void ikv_queue_close(struct ikv_queue *queue);

/* Queue a job whose runs are set; `may_wait`: for room. 0: it is busy, and its end will be
 * reported. -EAGAIN (no room), IKV_E_CANCELED (the queue or the client is closed). */
int ikv_queue_push(struct ikv_client *client, struct ikv_job *job, bool may_wait);
/* A run was executed; called by the worker that did so. Ends the job with its last run. */
void ikv_queue_finish_run(struct ikv_run *run);

/* Cancel the jobs of a store, wait until their ends have been reported, and accept no more. */
void ikv_queue_close_client(struct ikv_client *client);
/* Make all workers release the files of a client that was closed. */
void ikv_queue_release_files(struct ikv_client *client);

#endif
