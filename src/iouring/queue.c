#include "iouring/queue.h"

#include "indexkv.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

/* Maximum size of one read. Linux transfers at most 0x7ffff000 bytes; a round number keeps offsets
 * aligned. */
#define READ_MAX ((uint32_t)1 << 30)

/* A read that the kernel rejects this often without progress has failed. */
#define TRIES_MAX 64
/* After this many tries a kernel thread, which may block, executes the read. */
#define TRIES_ASYNC 4

/* Waiting for more than one completion at a time saves system calls. Waiting for 1/16 of the reads
 * in flight leaves the device 15/16 to work on. */
#define WAIT_SHARE 16

/* What to prefetch of a read: a record's first lines, or where the search of a page starts. */
#define PREFETCH_LINE 64
#define PREFETCH_STEP 1024
#define PREFETCH_MAX  4096

/* How long the SQPOLL thread may appear idle, see wait_for_thread. */
#define WAKE_AFTER_NS 10000000

#define PAUSE_MAX_MS 10

void ikv_queue_pause(unsigned failures)
{
    unsigned ms = failures < PAUSE_MAX_MS ? failures : PAUSE_MAX_MS;
    const struct timespec time = {.tv_nsec = (long)ms * 1000000};

    (void)nanosleep(&time, NULL);
}

/* ---------------------------------------------------------------- states */

void ikv_op_finish(struct ikv_io *io, uint32_t number, int code)
{
    struct ikv_op *op = &io->ops[number];

    op->request->code = code;
    op->state = IKV_OP_READY;
    ikv_op_push(io, &io->ready, number);
}

void ikv_op_queue(struct ikv_io *io, uint32_t number)
{
    io->ops[number].state = IKV_OP_PENDING;
    ikv_op_push(io, &io->pending, number);
}

void ikv_op_retry(struct ikv_io *io, uint32_t number, int code)
{
    struct ikv_op *op = &io->ops[number];

    if (io->closing || ++op->fruitless > TRIES_MAX) {
        ikv_op_finish(io, number, code);
        return;
    }
    op->request->retries++;
    ikv_op_queue(io, number);
}

/* ---------------------------------------------------------------- lost completions */

void ikv_queue_drain(struct ikv_io *io)
{
    io->draining = true;
    io->drain_queued = false; /* a marker in flight may be lost, too */
    io->drains++;
}

/* A no-op that is executed when all requests before it are finished. Once it has completed, an
 * operation that has no completion will not get one. */
static void prepare_drain_marker(struct ikv_io *io)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring.uring);

    if (!sqe)
        return;
    io_uring_prep_nop(sqe);
    sqe->flags |= IOSQE_IO_DRAIN;
    io_uring_sqe_set_data64(sqe, ikv_user_data(IKV_NO_OP, io->drains));
    io->drain_queued = true;
}

/* The marker has completed. Nothing was submitted after it. */
static void end_drain(struct ikv_io *io)
{
    io->draining = io->drain_queued = false;
    for (uint32_t i = 0; i < io->depth; i++) {
        if (io->ops[i].state != IKV_OP_IN_RING)
            continue;
        io->in_ring--;
        io->ops[i].generation++;
        ikv_op_retry(io, i, -EIO);
    }
}

/* The kernel keeps completions that do not fit into the queue. Out of memory it drops them, and
 * only counts them. */
static void check_for_losses(struct ikv_io *io)
{
    unsigned lost = __atomic_load_n(io->ring.uring.cq.koverflow, __ATOMIC_RELAXED);

    if (lost == io->lost)
        return;
    io->lost = lost;
    ikv_queue_drain(io);
}

/* ---------------------------------------------------------------- to the kernel */

static void prepare_read(struct ikv_io *io, uint32_t number, struct io_uring_sqe *sqe)
{
    struct ikv_op *op = &io->ops[number];
    const struct ikv_io_request *request = op->request;
    unsigned char *buffer = (unsigned char *)request->buffer + op->done;
    uint64_t offset = request->offset + op->done;
    uint32_t left = request->length - op->done;
    uint32_t length = left < READ_MAX ? left : READ_MAX;
    int registered = ikv_ring_buffer(&io->ring, buffer, length);
    int fd = op->slot == IKV_NO_SLOT ? request->file->fd : op->slot;

    if (registered >= 0)
        io_uring_prep_read_fixed(sqe, fd, buffer, length, offset, registered);
    else
        io_uring_prep_read(sqe, fd, buffer, length, offset);
    if (op->slot != IKV_NO_SLOT)
        sqe->flags |= IOSQE_FIXED_FILE;
    if (op->fruitless >= TRIES_ASYNC)
        sqe->flags |= IOSQE_ASYNC;
    io_uring_sqe_set_data64(sqe, ikv_user_data(number, op->generation));
    op->state = IKV_OP_IN_RING;
    io->in_ring++;
}

void ikv_queue_fill(struct ikv_io *io)
{
    if (io->draining) { /* no new operations until it ends */
        if (!io->drain_queued)
            prepare_drain_marker(io);
        return;
    }
    while (io->pending.count > 0 && io->in_ring < io->window) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring.uring);
        if (!sqe)
            return;
        prepare_read(io, ikv_op_pop(io, &io->pending), sqe);
    }
}

unsigned ikv_queue_in_kernel(const struct ikv_io *io)
{
    unsigned prepared = io_uring_sq_ready(&io->ring.uring);

    /* The marker may be one of those prepared. */
    return io->in_ring > prepared ? io->in_ring - prepared : 0;
}

static unsigned wait_count(const struct ikv_io *io)
{
    unsigned share = io->in_ring / WAIT_SHARE;

    if (io->draining || share < 1)
        return 1;
    return share;
}

/*
 * With SQPOLL a kernel thread takes the requests, and must be woken if it sleeps. liburing checks
 * the flag for that, but wake-ups were observed to be lost (Linux 6.18, two busy cores: the thread
 * asleep, requests in the queue, and this thread waiting forever). So the wait has a timeout, after
 * which the thread is woken unconditionally.
 */
static int wait_for_thread(struct ikv_io *io)
{
    struct io_uring *uring = &io->ring.uring;
    struct __kernel_timespec timeout = {.tv_nsec = WAKE_AFTER_NS};
    struct io_uring_cqe *cqe;

    io->system_calls++;
    int code = io_uring_submit(uring);
    if (code >= 0)
        code = io_uring_wait_cqe_timeout(uring, &cqe, &timeout);
    if (code != -ETIME)
        return code < 0 ? code : 0;
    io->system_calls++;
    code = io_uring_enter((unsigned)uring->ring_fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL);
    return code < 0 ? code : 0;
}

int ikv_queue_wait(struct ikv_io *io)
{
    struct io_uring *uring = &io->ring.uring;

    check_for_losses(io);
    /* Only operations that the kernel has rejected repeatedly are left. */
    if (io->in_ring == 0 && io->pending.count > 0 &&
        io->ops[io->pending.head].fruitless > TRIES_ASYNC)
        ikv_queue_pause(io->ops[io->pending.head].fruitless);
    ikv_queue_fill(io);
    /* More operations are pending than fit into the submission queue at once. */
    while (io->pending.count > 0 && io->in_ring < io->window && !io->draining) {
        unsigned prepared = io_uring_sq_ready(uring);
        io->system_calls++;
        int code = io_uring_submit(uring);
        if (code < 0)
            return code;
        ikv_queue_fill(io);
        if (io_uring_sq_ready(uring) == prepared && io->pending.count > 0)
            break; /* no progress: the kernel must finish something first */
    }
    if (uring->flags & IORING_SETUP_SQPOLL)
        return wait_for_thread(io);
    io->system_calls++;
    int code = io_uring_submit_and_wait(uring, wait_count(io));
    return code < 0 ? code : 0;
}

/* ---------------------------------------------------------------- from the kernel */

static bool is_transient(int code)
{
    return code == -EAGAIN || code == -EINTR || code == -EBUSY || code == -ENOMEM ||
           code == -ECANCELED;
}

static bool file_ends_before(int fd, uint64_t offset)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < offset;
}

static void continue_after(struct ikv_io *io, uint32_t number, uint32_t bytes)
{
    struct ikv_op *op = &io->ops[number];
    struct ikv_io_request *request = op->request;
    uint32_t left = request->length - op->done;
    uint32_t done = op->done + (bytes < left ? bytes : left);

    if (done >= request->need) {
        ikv_op_finish(io, number, 0);
        return;
    }
    if (request->file->direct) {
        /* Direct reads can only continue at an aligned offset. At the end of the file they would
         * return the same partial block again, so check the file size. */
        if (file_ends_before(request->file->fd, request->offset + request->need)) {
            ikv_op_finish(io, number, IKV_E_TRUNCATED);
            return;
        }
        done &= ~(request->file->align - 1);
        if (done <= op->done) {
            ikv_op_retry(io, number, -EIO);
            return;
        }
    }
    op->done = done;
    op->fruitless = 0;
    if (io->closing) {
        ikv_op_finish(io, number, -ECANCELED);
        return;
    }
    request->retries++;
    ikv_op_queue(io, number);
}

static void complete(struct ikv_io *io, uint64_t user_data, int result)
{
    uint32_t number = (uint32_t)user_data;

    if (number == IKV_NO_OP) {
        if (io->draining && user_data == ikv_user_data(IKV_NO_OP, io->drains))
            end_drain(io);
        return;
    }
    /* A stray completion, or one of an abandoned operation. */
    if (number >= io->depth || io->ops[number].state != IKV_OP_IN_RING ||
        io->ops[number].generation != user_data >> 32)
        return;
    io->in_ring--;
    io->ops[number].generation++;
    if (result > 0)
        continue_after(io, number, (uint32_t)result);
    else if (result == 0)
        ikv_op_finish(io, number, IKV_E_TRUNCATED);
    else if (is_transient(result))
        ikv_op_retry(io, number, result);
    else
        ikv_op_finish(io, number, result);
}

/* Prefetch the data of the next completion, which the caller will process after this one. Inlined,
 * since gcc drops calls of a function that only prefetches. */
static inline __attribute__((always_inline)) void prefetch_next(const struct ikv_io *io)
{
    const struct io_uring *uring = &io->ring.uring;

    if (io_uring_cq_ready(uring) == 0)
        return;
    const struct io_uring_cqe *cqe = &uring->cq.cqes[*uring->cq.khead & uring->cq.ring_mask];
    const uint32_t number = (uint32_t)io_uring_cqe_get_data64(cqe);
    if (number >= io->depth || io->ops[number].state != IKV_OP_IN_RING)
        return;
    const struct ikv_io_request *request = io->ops[number].request;
    const unsigned char *bytes = request->buffer;
    __builtin_prefetch(request->owner);
    for (uint32_t at = 0; at < request->first_used && at < request->length; at += PREFETCH_LINE)
        __builtin_prefetch(bytes + request->length - 1 - at);
    if (request->first_used)
        return;
    __builtin_prefetch(bytes + PREFETCH_LINE);
    for (uint32_t at = 0; at < PREFETCH_MAX && at < request->length; at += PREFETCH_STEP)
        __builtin_prefetch(bytes + at);
}

void ikv_queue_take(struct ikv_io *io)
{
    struct io_uring_cqe *cqe;

    while (io->ready.count == 0 && io_uring_cq_ready(&io->ring.uring) > 0) {
        if (io_uring_peek_cqe(&io->ring.uring, &cqe) < 0)
            return;
        uint64_t user_data = io_uring_cqe_get_data64(cqe);
        int result = cqe->res;
        io_uring_cqe_seen(&io->ring.uring, cqe);
        prefetch_next(io);
        io->stalls = 0;
        complete(io, user_data, result);
    }
}
