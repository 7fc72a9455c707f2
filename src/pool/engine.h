/*
 * The engine inside: worker threads, each with its windows; the queue they take shards from; and
 * the stores that are attached. One lock guards all that more than one thread changes; it is never
 * held while a read, a search or a callback is going on.
 *
 *   schedule.c      which shard is next
 *   worker.c       a worker's loop: several shards in flight in its windows
 *   job.c          the way of a batch: pushed, run, completed
 *   engine.c       starting, attaching, closing
 *   completions.c  done batches and a descriptor that says so
 *
 * Life: an engine is referred to by its owner (until ikv_engine_close; a store that has one of its
 * own is its owner) and by each attached store, and freed with the last of them.
 *
 * Fork: a child has none of the threads, and any lock may be held for ever. So it touches nothing
 * of an engine that its parent made, but for its heir: an engine of the same kind that the child
 * makes when it first needs one, and to which attachments have heirs of their own.
 */
#ifndef IKV_POOL_ENGINE_H
#define IKV_POOL_ENGINE_H

#include "core/base/thread.h"
#include "pool/schedule.h"

struct ikv_worker {
    struct ikv_engine *engine;
    pthread_t thread;
    _Atomic uint64_t number; /* ikv_thread_number of it; 0: it has not begun */

    /* Its own alone */
    struct ikv_window ring; /* opened by the first shard that needs it */
    struct ikv_window plain;
    int ring_code;          /* why there is no ring; 0: not tried, or there is one */
    uint64_t ring_tried;    /* on ikv_clock */
    struct ikv_run *active; /* ring of the runs in its windows; the one to plan next */
    unsigned active_count;
    unsigned reaped;    /* times since it took a shard that reads were reaped */
    bool is_busy;       /* reads have finished that were not yet looked at, when last planning */
    uint64_t forgotten; /* as engine->forget_number */
};

enum ikv_engine_state { IKV_ENGINE_NEW, IKV_ENGINE_RUNNING, IKV_ENGINE_CLOSED };

struct ikv_engine {
    ikv_engine_options options; /* as they are in effect */
    struct ikv_process process; /* that made it */
    bool is_own;                /* of one store */
    atomic_uint references;
    _Atomic(struct ikv_engine *) heir; /* in the child of a fork; NULL: none yet */
    struct ikv_worker *workers;
    atomic_int
        ring_code; /* why workers have no rings, as far as known; 0: they have, or will try */

    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t work;  /* workers wait for it */
    pthread_cond_t room;  /* for a place in the queue */
    pthread_cond_t quiet; /* for batches to end, files to be forgotten, waiters to be gone */
    enum ikv_engine_state state;
    unsigned started; /* threads */
    unsigned batches; /* waiting or running */
    unsigned waiters; /* for room */
    struct ikv_schedule schedule;
    struct ikv_job *jobs; /* all that are waiting or running */

    /* A store that is being closed: workers let go of its files. One at a time. */
    const struct ikv_store *forget;
    unsigned forget_left;           /* workers that have not yet */
    _Atomic uint64_t forget_number; /* counts them up */
};

struct ikv_attachment {
    struct ikv_engine *engine;
    ikv_store *store;
    _Atomic(struct ikv_attachment *) heir; /* in the child of a fork; NULL: none yet */
    struct ikv_lane lane;
    bool is_closing;       /* takes no more batches */
    unsigned batches;      /* of this store, until their completion was made known */
    atomic_bool used_ring; /* a ring may know its files */
};

/* worker.c: `argument` is the ikv_worker. */
void *ikv_worker_main(void *argument);

/* engine.c */
/* The attachment that this process may use: its own or an heir. NULL: no memory for one. */
struct ikv_attachment *ikv_attachment_here(struct ikv_attachment *attachment);
/* Start the threads, if they are not; engine->lock is held. The number of workers. */
unsigned ikv_engine_start(struct ikv_engine *engine);
/* Whether the calling thread is one of the workers. */
bool ikv_engine_is_worker(struct ikv_engine *engine);

/* job.c */
/* A shard is finished; by the worker that ran it. */
void ikv_job_run_finished(struct ikv_job *job);
/* Stop all batches of a store, or of all (NULL); engine->lock is held. */
void ikv_jobs_cancel(struct ikv_engine *engine, const struct ikv_attachment *attachment);

/* completions.c */
void ikv_completions_push(ikv_completions *completions, struct ikv_result *result);

#endif
