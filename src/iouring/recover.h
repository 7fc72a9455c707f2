/*
 * When the kernel does not take what it is given.
 *
 * Three things must hold whatever it answers: each request is finished exactly once; a buffer that
 * the kernel may still write to is not handed back; and waiting ends.
 */
#ifndef IKV_URING_RECOVER_H
#define IKV_URING_RECOVER_H

#include "iouring/queue.h"

/* Deal with a code of ikv_queue_wait, so that going on waiting comes to an end. */
void ikv_queue_recover(struct ikv_io *io, int code);
/* Finish with `code` all that the kernel does not have yet. */
void ikv_queue_fail_unsent(struct ikv_io *io, int code);
/* Finish everything with `code`, the kernel notwithstanding. */
void ikv_queue_abandon(struct ikv_io *io, int code);

#endif
