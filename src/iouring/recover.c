#include "iouring/recover.h"

#include <errno.h>

/* How often the kernel may refuse to take anything for want of resources, while none of ours is
 * with it: about a second. */
#define REFUSALS_MAX 100
/* How often waiting for what the kernel has may fail: about five seconds. The kernel would tell us
 * through the ring alone when these reads have ended, so all that can be done is to leave them the
 * time that reads take. */
#define FAILURES_MAX 500

/* ---------------------------------------------------------------- giving up */

/* Take the operations that the kernel has not taken out of the submission queue again. With a
 * kernel thread that polls the queue this must not be done while the thread lives. */
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

/* Somebody closed the ring's descriptor, and its number may be another file's now. */
static bool is_descriptor_lost(int code)
{
    return code == -EBADF || code == -EOPNOTSUPP;
}

/* The kernel refuses, and not for want of anything. */
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
        io->ring.uring.ring_fd = -1; /* not ours to close */
    io->stalls = 0;
}

/* ---------------------------------------------------------------- going on */

/* Wait for a read that the kernel has, handing nothing over. */
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

/* The kernel is short of something. What it has of ours gives some of it back when it is done. But
 * if completions were lost, those may be all that it had: then nothing might ever come. */
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
