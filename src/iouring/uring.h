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

#include <stdbool.h>
#include <stddef.h>

extern const struct ikv_io_backend ikv_io_uring;

/*
 * What a ring can have, the newest first. Set-up gives up one at a time, in this order and only
 * when the kernel answers EINVAL, until it takes the rest; deferred task work goes with the single
 * issuer, which it needs. The last two are tried after set-up, each by itself.
 */
enum ikv_uring_feature {
    IKV_URING_DEFER_TASKRUN = 1 << 0, /* completions are worked off when we wait, not in between */
    IKV_URING_SINGLE_ISSUER = 1 << 1,
    IKV_URING_COOP_TASKRUN = 1 << 2,
    IKV_URING_SUBMIT_ALL = 1 << 3, /* a request in error does not hold up those behind it */
    IKV_URING_CLAMP = 1 << 4,
    IKV_URING_CQSIZE = 1 << 5,
    IKV_URING_BUFFERS = 1 << 6, /* registered buffers */
    IKV_URING_FILES = 1 << 7,   /* registered files */
    IKV_URING_FEATURES = (1 << 8) - 1
};

/* All zero is what ikv_io_uring.create uses. */
struct ikv_uring_options {
    bool sqpoll; /* a kernel thread of the ring's own takes the requests; it keeps a core busy */
    bool iopoll; /* completions are polled for; needs files opened with O_DIRECT, on a device with
                    poll queues */
    unsigned without;    /* IKV_URING_* that are not asked for */
    unsigned sq_entries; /* 0: from the depth */
    unsigned cq_entries; /* 0: from the depth */
    unsigned window;     /* most reads in the kernel at a time; 0: the completion queue's size */
};

int ikv_uring_create_with(const struct ikv_io_options *options,
                          const struct ikv_uring_options *uring, struct ikv_io **ret);

/* The features that the ring has, and after "without" those that it was refused and why, as one
 * line of at most `size` bytes, always terminated if size > 0. Returns `buf`. */
const char *ikv_uring_features(const struct ikv_io *io, char *buf, size_t size);

/* The name of one feature, as ikv_ring_features gives it too. Static storage. */
const char *ikv_uring_feature_name(unsigned feature);

/* The IKV_URING_* that the ring has. */
unsigned ikv_uring_feature_bits(const struct ikv_io *io);

/* Let go of a file that the caller will close: as long as the kernel has it registered, the file's
 * space on the disk is not given back. Unknown files are no error. On the ring's own thread, with
 * no request on the file in flight. */
void ikv_uring_forget_file(struct ikv_io *io, const struct ikv_io_file *file);

/* Whether this thread can have a ring now: 0 or -errno. On failure `why` says what is in the way in
 * one line, always terminated if size > 0. */
int ikv_uring_probe(char *why, size_t size);

/* The same line for a code that create returned. */
const char *ikv_uring_explain(int code, char *why, size_t size);

#endif
