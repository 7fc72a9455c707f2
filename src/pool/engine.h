/*
 * Engines: worker threads, and the queue from which they take runs.
 *
 *   job.h            a batch on its way through an engine
 *   completions.h    ended jobs, and a descriptor that says so
 *   schedule.h       which run is executed next
 *   queue.h          jobs, from callers to workers
 *   windows.h        a worker's ring and read buffers
 *   worker.h         a worker's loop
 *   engine.h         starting and closing
 *   attachment.h     a store's use of an engine
 *
 * An engine is referenced by its owner (until ikv_engine_close; a store that has its own engine is
 * its owner) and by each attached store. The last reference frees it.
 *
 * Fork: the child has none of the threads, and any lock may be held for ever. So it touches nothing
 * of an engine that its parent created, except `successor`: an engine with the same options that
 * the child creates when it first needs one. Attachments have successors, too.
 */
#ifndef IKV_POOL_ENGINE_H
#define IKV_POOL_ENGINE_H

#include "core/base/thread.h"
#include "pool/worker.h"

struct ikv_engine {
    struct ikv_windows_shared shared; /* among them the options in effect */
    struct ikv_process process;       /* that created it */
    bool is_private;                  /* one store's own */
    atomic_uint references;
    _Atomic(struct ikv_engine *) successor; /* in a forked child; NULL: none yet */
    struct ikv_worker *workers;             /* shared.options.threads */
    struct ikv_queue queue;
};

/* An engine whose threads are not started. -ENOMEM */
int ikv_engine_create(const ikv_engine_options *options, struct ikv_engine **ret);
/* An engine for one store, with default options except for the number of threads (0: default).
 * -ENOMEM */
int ikv_engine_create_private(uint32_t threads, struct ikv_engine **ret);
/* IKV_E_CANCELED: it is closed. */
int ikv_engine_reference(struct ikv_engine *engine);
void ikv_engine_release(struct ikv_engine *engine);
/* Start the threads if they are not running. Returns the number of workers. */
unsigned ikv_engine_start(struct ikv_engine *engine);
/* End all jobs and threads. */
void ikv_engine_stop(struct ikv_engine *engine);

/* The engine that this process uses in place of `engine`, which it may have inherited by fork.
 * NULL: no memory for a successor. */
struct ikv_engine *ikv_engine_current(struct ikv_engine *engine);
static inline bool ikv_engine_is_inherited(const struct ikv_engine *engine)
{
    return ikv_process_is_forked(&engine->process);
}
/* Whether the calling thread is one of the workers. */
bool ikv_engine_is_worker(struct ikv_engine *engine);

#endif
