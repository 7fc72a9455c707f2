/*
 * The uring backend: the I/O contract (io.h) on a Linux io_uring.
 *
 * One object is one ring. It is created and used on one thread; submit on another one is refused
 * with IKV_E_STATE. It may be destroyed on another thread if nothing is in flight. (If something
 * is, the kernel does not let that thread wait for it: destroy gives the reads five seconds.)
 *
 * After fork the ring remains the parent's. In the child submit is refused with IKV_E_STATE, reap
 * hands back what was in flight as failed with that code, and destroy frees the child's memory and
 * descriptor without waiting; the parent's reads go on undisturbed.
 *
 * Requests are gathered: they reach the kernel when a batch of them is ready or when reap has
 * nothing left to hand out. Reads of the ring's own memory (options.memory) use registered buffers,
 * files are registered as they are met.
 */
#ifndef IKV_URING_H
#define IKV_URING_H

#include "core/io/io.h"
#include "iouring/features.h"
#include "iouring/options.h"

extern const struct ikv_io_backend ikv_io_uring;

int ikv_uring_create_with(const struct ikv_io_options *options,
                          const struct ikv_uring_options *uring, struct ikv_io **ret);

/* The IKV_URING_* that the ring has. */
unsigned ikv_uring_feature_bits(const struct ikv_io *io);

/* Let go of a file that the caller will close: as long as the kernel has it registered, the file's
 * space on the disk is not given back. Unknown files are no error. On the ring's own thread, with
 * no request on the file in flight. */
void ikv_uring_forget_file(struct ikv_io *io, const struct ikv_io_file *file);

#endif
