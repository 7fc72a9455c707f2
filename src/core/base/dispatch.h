/*
 * What the core needs of the engine that runs its batches. It is implemented above the core
 * (src/pool).
 */
#ifndef IKV_DISPATCH_H
#define IKV_DISPATCH_H

#include "indexkv.h"

#include <stdbool.h>

struct ikv_attachment; /* of a store to an engine */

/* Attach a store that is being opened. engine NULL: to one of its own, whose threads are not
 * started yet. -ENOMEM, or IKV_E_CANCELED if the engine is closed. */
int ikv_attach(ikv_engine *engine, ikv_store *store, struct ikv_attachment **ret);
/* Cancel the store's batches, wait for them, and let go of its files. NULL is allowed. */
void ikv_detach(struct ikv_attachment *attachment);

/* How many workers share a batch; 0: it has to be run by the calling thread, since no other could
 * be started. */
unsigned ikv_attachment_workers(struct ikv_attachment *attachment);
/* Why workers have no rings, as far as is known; 0: they have, or will try. */
int ikv_attachment_ring_code(struct ikv_attachment *attachment);

/* Run a batch that is cut, and wait until ikv_lookup_end was called for it. Otherwise a code: it
 * was not run. */
int ikv_execute(struct ikv_attachment *attachment, ikv_result *result);

/* Result objects carry an ikv_job. */
struct ikv_job;
int ikv_job_init(struct ikv_job *job, ikv_result *result);
/* Cancels and waits. */
void ikv_job_destroy(struct ikv_job *job);
bool ikv_job_is_busy(struct ikv_job *job);

#endif
