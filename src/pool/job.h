/*
 * A job: a batch on its way through an engine, cut into runs that workers execute. It is embedded
 * in the object that owns the batch, whose `ops` decide what happens when all runs have finished.
 *
 * A job is busy from the moment it is queued until its end is reported. While it is busy it belongs
 * to the engine; otherwise to the caller.
 */
#ifndef IKV_POOL_JOB_H
#define IKV_POOL_JOB_H

#include "core/lookup/run.h"

#include <pthread.h>

struct ikv_job;

struct ikv_job_ops {
    /* All runs have finished; called by the worker that finished the last. Either set further runs
     * (ikv_job_set_runs) and return true, or end the batch, set job->code, and return false. */
    bool (*advance)(struct ikv_job *job, unsigned workers);
    /* Make the batch end soon. From any thread. */
    void (*cancel)(struct ikv_job *job);
};

struct ikv_job {
    const struct ikv_job_ops *ops; /* set before it is queued */
    struct ikv_run *const *runs;
    unsigned run_count;
    unsigned next_run;     /* the next to be taken by a worker */
    atomic_uint runs_left; /* not finished */
    int code;              /* outcome of the batch */

    /* In the engine's queue */
    struct ikv_client *client; /* the store it is for */
    struct ikv_job *lane_next; /* in a list of the schedule */
    struct ikv_job *prev;      /* all jobs of the queue */
    struct ikv_job *next;

    /* How the end is reported, besides ikv_job_wait: not at all, or by one of these two. */
    ikv_done_fn done;
    ikv_completions *completions;
    void *user;         /* for done */
    ikv_result *result; /* for both; the pool does not look into it */
    struct ikv_job *next_completed;

    pthread_mutex_t lock; /* for `finished` */
    pthread_cond_t finished;
    atomic_bool busy;
};

/* -ENOMEM */
int ikv_job_init(struct ikv_job *job, ikv_result *result);
/* Cancel it and wait for its end, if it is busy, and free what init has created. */
void ikv_job_destroy(struct ikv_job *job);

/* The runs to be executed next. Not while workers may take runs of it. */
void ikv_job_set_runs(struct ikv_job *job, struct ikv_run *const *runs, unsigned count);

static inline bool ikv_job_is_busy(struct ikv_job *job)
{
    return atomic_load_explicit(&job->busy, memory_order_acquire);
}
/* From any thread; does nothing to a job that is not busy. */
void ikv_job_cancel(struct ikv_job *job);
/* Wait until it is not busy. */
void ikv_job_wait(struct ikv_job *job);
/* It is not busy any more: whoever waits for it may free it from here on. */
void ikv_job_release(struct ikv_job *job);

/* The job that a run belongs to. */
static inline struct ikv_job *ikv_job_of(const struct ikv_run *run)
{
    return run->owner;
}

#endif
