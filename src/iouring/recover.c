#include "iouring/recover.h"

#include <errno.h>

/* How often the kernel may refuse operations for lack of resources while it has none of this ring:
 * about a second. */
#define REFUSALS_MAX 100
/* How often waiting for operations in the kernel may fail: about five seconds. Only the ring
 * reports when these reads have ended, so all that can be done is to give them time. */
#define FAILURES_MAX 500

/* ---------------------------------------------------------------- failing */

/* Remove prepared operations from the submission queue. With SQPOLL this is not safe while the
 * kernel thread is alive. */
static void take_back(struct ikv_io *io, int code)
{
    struct io_uring_sq *sq = &io->ring.uring.sq;
    const unsigned begin = io_uring_smp_load_acquire(sq->khead);

    for (unsigned i = begin; i != sq->sqe_tail; i++) {
        uint64_t user_data = sq->sqes[i & sq->ring_mask].user_data;
        uint32_t number = (uint32_t)user_data;
        if (number == IKV_NO_OP) {
            io->drain_queued = false;
            continue;
        }
        io->in_ring--;
        io->ops[number].generation++;
        ikv_op_finish(io, number, code);
    }
    sq->sqe_head = sq->sqe_tail = begin;
    io_uring_smp_store_release(sq->ktail, begin);
}

void ikv_queue_fail_unsent(struct ikv_io *io, int code)
{
    if (!(io->ring.uring.flags & IORING_SETUP_SQPOLL) || code == -EOWNERDEAD)
        take_back(io, code);
    while (io->pending.count > 0)
        ikv_op_finish(io, ikv_op_pop(io, &io->pending), code);
}

void ikv_queue_abandon(struct ikv_io *io, int code)
{
    io->broken = code;
    io->pending.count = 0;
    io->in_ring = 0;
    for (uint32_t i = 0; i < io->depth; i++)
        if (io->ops[i].state == IKV_OP_PENDING || io->ops[i].state == IKV_OP_IN_RING)
            ikv_op_finish(io, i, code);
}

/* The application has closed the ring's descriptor, and its number may have been reused. */
static bool is_descriptor_lost(int code)
{
    return code == -EBADF || code == -EOPNOTSUPP;
}

/* The kernel refuses permanently. */
static void fail(struct ikv_io *io, int code)
{
    ikv_queue_fail_unsent(io, code);
    if (io->in_ring > 0 && ++io->stalls < FAILURES_MAX) {
        if (io->ready.count == 0)
            ikv_queue_pause(io->stalls);
        return;
    }
    if (io->in_ring > 0 || is_descriptor_lost(code))
        ikv_queue_abandon(io, code);
    if (is_descriptor_lost(code))
        io->ring.uring.ring_fd = -1; /* must not be closed */
    io->stalls = 0;
}

/* ---------------------------------------------------------------- recovering */

/* Wait for a read in the kernel without submitting anything. */
static void wait_for_one(struct ikv_io *io)
{
    struct io_uring_cqe *cqe;
    int code = io_uring_wait_cqe(&io->ring.uring, &cqe);

    if (code == 0 || code == -EINTR)
        return;
    if (code == -EBADR)
        ikv_queue_drain(io);
    if (++io->stalls < FAILURES_MAX)
        ikv_queue_pause(io->stalls);
    else
        fail(io, code);
}

/* The kernel is short of resources; operations that finish release some. While draining, those left
 * in the kernel may have lost their completions, so waiting for them might never end. */
static void wait_for_resources(struct ikv_io *io, int code)
{
    if (ikv_queue_in_kernel(io) > 0 && !io->draining)
        wait_for_one(io);
    else if (++io->stalls <= REFUSALS_MAX)
        ikv_queue_pause(io->stalls);
    else
        fail(io, code);
}

void ikv_queue_recover(struct ikv_io *io, int code)
{
    switch (code) {
    case -EINTR:
        break;
    case -EAGAIN:
    case -EBUSY:
    case -ENOMEM:
        wait_for_resources(io, code);
        break;
    case -EBADR: /* completions were dropped */
        ikv_queue_drain(io);
        break;
    default:
        fail(io, code);
        break;
    }
}
