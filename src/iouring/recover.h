/*
 * Handling errors of the kernel. Whatever it returns, three things must hold: each request finishes
 * exactly once; a buffer that the kernel may still write to is not returned; and waiting ends.
 */
#ifndef IKV_URING_RECOVER_H
#define IKV_URING_RECOVER_H

#include "iouring/queue.h"

/* Handle a negative code of ikv_queue_wait, so that waiting again ends eventually. */
void ikv_queue_recover(struct ikv_io *io, int code);
/* Finish with `code` all operations that are not in the kernel. */
void ikv_queue_fail_unsent(struct ikv_io *io, int code);
/* Finish all operations with `code`, even those in the kernel. */
void ikv_queue_abandon(struct ikv_io *io, int code);

#endif
