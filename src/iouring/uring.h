/*
 * The uring backend: the I/O contract (io.h) on a Linux io_uring.
 *
 * One object is one ring. It is created and used on one thread; submit fails with IKV_E_STATE on
 * any other. It may be destroyed on another thread if nothing is in flight. (Otherwise that thread
 * can't wait for the reads, and destroy gives them five seconds.)
 *
 * After fork the ring still belongs to the parent. In the child submit fails with IKV_E_STATE, reap
 * returns the requests that were in flight with that code, and destroy frees the child's memory and
 * descriptor without waiting; the parent's reads are not affected.
 *
 * Requests are batched: they are submitted to the kernel when there are enough of them, or when
 * reap has none left to return. Reads into options.memory use registered buffers; files are
 * registered on first use.
 */
#ifndef IKV_URING_H
#define IKV_URING_H

#include "core/io/io.h"
#include "iouring/features.h"
#include "iouring/options.h"

extern const struct ikv_io_backend ikv_io_uring;

int ikv_uring_create_with(const struct ikv_io_options *options,
                          const struct ikv_uring_options *uring, struct ikv_io **ret);

/* The IKV_URING_* features of the ring. */
unsigned ikv_uring_feature_bits(const struct ikv_io *io);

/* Unregister a file that the caller will close: while it is registered, the kernel does not free a
 * deleted file's space. Unknown files are ignored. To be called on the ring's own thread, with no
 * request on the file in flight. */
void ikv_uring_unregister_file(struct ikv_io *io, const struct ikv_io_file *file);

#endif
