/* A store's use of an engine: from ikv_open to ikv_close. */
#ifndef IKV_POOL_ATTACHMENT_H
#define IKV_POOL_ATTACHMENT_H

#include "pool/engine.h"

struct ikv_attachment {
    struct ikv_engine *engine;
    struct ikv_client client;                   /* in its queue */
    _Atomic(struct ikv_attachment *) successor; /* in a forked child; NULL: none yet */
};

/* Attach a store to an engine; NULL: to its own, whose `threads` (0: default) are not started yet.
 * -ENOMEM, or IKV_E_CANCELED if the engine is closed. */
int ikv_attach(ikv_engine *engine, uint32_t threads, ikv_store *store, struct ikv_attachment **ret);
/* Cancel the store's jobs, wait for them, and release its files. NULL is allowed. */
void ikv_detach(struct ikv_attachment *attachment);

/* The attachment that this process uses in place of `attachment`, which it may have inherited by
 * fork. NULL: no memory for a successor. */
struct ikv_attachment *ikv_attachment_current(struct ikv_attachment *attachment);

/* Workers that share a batch, started if need be. 0: none could be started, the batch must be
 * executed by the calling thread. */
unsigned ikv_attachment_workers(struct ikv_attachment *attachment);
/* Whether the engine limits the bytes in flight. */
bool ikv_attachment_limits_bytes(const struct ikv_attachment *attachment);
/* Why workers have no rings, as far as is known; 0: they have, or will try. */
int ikv_attachment_ring_code(struct ikv_attachment *attachment);

/* Queue a job whose runs are set, and wait for its end. On failure it was not executed.
 * IKV_E_STATE: the calling thread is a worker. */
int ikv_attachment_run(struct ikv_attachment *attachment, struct ikv_job *job);
/* Queue a job whose runs are set, waiting for room in the queue if `may_wait` and the calling
 * thread is no worker. */
int ikv_attachment_submit(struct ikv_attachment *attachment, struct ikv_job *job, bool may_wait);

#endif
