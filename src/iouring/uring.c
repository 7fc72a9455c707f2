#include "iouring/uring.h"

#include "indexkv.h"
#include "iouring/queue.h"
#include "iouring/recover.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* On most devices deeper windows gain little. */
#define DEPTH_DEFAULT 256
#define DEPTH_MAX     (1u << 20)

/* Prepared reads are submitted when they are 1/8 of the window, so that the device does not run out
 * of work while the caller is busy; within these limits. */
#define BATCH_SHARE 8
#define BATCH_MIN   4
#define BATCH_MAX   32

static bool is_forked(const struct ikv_io *io)
{
    return ikv_process_is_forked(&io->process);
}

/* ---------------------------------------------------------------- create, destroy */

static struct ikv_io *allocate(unsigned depth)
{
    struct ikv_io *io = malloc(sizeof *io + depth * sizeof io->ops[0]);

    if (!io)
        return NULL;
    *io = (struct ikv_io){.depth = depth, .thread = ikv_thread_number()};
    for (uint32_t i = 0; i < depth; i++) {
        io->ops[i] = (struct ikv_op){.state = IKV_OP_FREE};
        ikv_op_push(io, &io->free, i);
    }
    return io;
}

static void choose_window(struct ikv_io *io, const struct ikv_uring_options *uring)
{
    unsigned room = uring->window ? uring->window : io->ring.uring.cq.ring_entries;

    io->window = io->depth < room ? io->depth : room;
    io->batch = io->window / BATCH_SHARE;
    if (io->batch > BATCH_MAX)
        io->batch = BATCH_MAX;
    if (io->batch < BATCH_MIN)
        io->batch = UINT_MAX; /* only reap submits them */
}

int ikv_uring_create_with(const struct ikv_io_options *options,
                          const struct ikv_uring_options *uring, struct ikv_io **ret)
{
    if (options->depth < 1 || options->depth > DEPTH_MAX)
        return -EINVAL;
    struct ikv_io *io = allocate(options->depth);
    if (!io)
        return -ENOMEM;
    ikv_process_mark(&io->process);
    int code = ikv_ring_open(&io->ring, options, uring);
    if (code < 0) {
        ikv_process_unmark(&io->process);
        free(io);
        return code;
    }
    ikv_file_table_open(&io->files, &io->ring, !options->files_may_close);
    choose_window(io, uring);
    if (options->register_after > 0) {
        io->memory = options->memory;
        io->memory_size = options->memory_size;
        io->register_after = options->register_after;
    }
    *ret = io;
    return 0;
}

static int uring_create(const struct ikv_io_options *options, struct ikv_io **ret)
{
    return ikv_uring_create_with(options, &(struct ikv_uring_options){0}, ret);
}

static struct ikv_io_request *uring_reap(struct ikv_io *io);

static void uring_destroy(struct ikv_io *io)
{
    if (!io)
        return;
    if (is_forked(io)) {
        ikv_ring_abandon(&io->ring);
    } else {
        io->closing = true;
        ikv_queue_fail_unsent(io, -ECANCELED);
        while (uring_reap(io))
            ;
        ikv_file_table_close(&io->files);
        ikv_ring_close(&io->ring);
    }
    ikv_process_unmark(&io->process);
    free(io);
}

/* ---------------------------------------------------------------- submit, reap */

/* Not with reads in flight, since old kernels wait for them. */
static void register_late(struct ikv_io *io)
{
    if (io->register_after > 0) {
        io->register_after--;
    } else if (io->in_ring == 0 && io->pending.count == 0) {
        ikv_ring_register_memory(&io->ring, io->memory, io->memory_size);
        io->memory_size = 0;
    }
}

static int uring_submit(struct ikv_io *io, struct ikv_io_request *request)
{
    if (is_forked(io) || io->thread != ikv_thread_number())
        return IKV_E_STATE;
    if (io->broken)
        return io->broken;
    if (io->free.count == 0)
        return -EAGAIN;
    if (request->offset > INT64_MAX) /* -1 would mean the current position */
        return -EINVAL;
    if (io->memory_size > 0)
        register_late(io);
    uint32_t number = ikv_op_pop(io, &io->free);
    struct ikv_op *op = &io->ops[number];
    op->request = request;
    op->done = 0;
    op->fruitless = 0;
    op->slot = (int16_t)ikv_file_table_take(&io->files, request->file);
    request->code = 0;
    request->retries = 0;
    ikv_op_queue(io, number);
    ikv_queue_fill(io);
    /* An error here occurs again in reap, which handles it. */
    if (io_uring_sq_ready(&io->ring.uring) >= io->batch) {
        io->system_calls++;
        (void)io_uring_submit(&io->ring.uring);
    }
    return 0;
}

static struct ikv_io_request *pop_ready(struct ikv_io *io)
{
    uint32_t number = ikv_op_pop(io, &io->ready);
    struct ikv_op *op = &io->ops[number];

    if (!is_forked(io))
        ikv_file_table_release(&io->files, op->slot);
    op->state = IKV_OP_FREE;
    ikv_op_push(io, &io->free, number);
    return op->request;
}

static struct ikv_io_request *uring_reap(struct ikv_io *io)
{
    if (is_forked(io) && !io->broken)
        ikv_queue_abandon(io, IKV_E_STATE);
    for (;;) {
        if (io->ready.count == 0 && !io->broken)
            ikv_queue_take(io);
        if (io->ready.count > 0)
            return pop_ready(io);
        if (io->in_ring == 0 && io->pending.count == 0)
            return NULL;
        int code = ikv_queue_wait(io);
        if (code < 0)
            ikv_queue_recover(io, code);
    }
}

/* ---------------------------------------------------------------- beyond the contract */

void ikv_uring_unregister_file(struct ikv_io *io, const struct ikv_io_file *file)
{
    if (!is_forked(io))
        ikv_file_table_unregister(&io->files, file);
}

unsigned ikv_uring_feature_bits(const struct ikv_io *io)
{
    return io->ring.features;
}

static bool uring_is_broken(const struct ikv_io *io)
{
    return io->broken != 0 || is_forked(io) || io->thread != ikv_thread_number();
}

static bool uring_has_finished(const struct ikv_io *io)
{
    /* Completions of a broken ring are ignored. */
    return io->ready.count > 0 || (!io->broken && io_uring_cq_ready(&io->ring.uring) > 0);
}

static uint64_t uring_system_calls(const struct ikv_io *io)
{
    return io->system_calls;
}

const struct ikv_io_backend ikv_io_uring = {.name = "uring",
                                            .depth = DEPTH_DEFAULT,
                                            .create = uring_create,
                                            .destroy = uring_destroy,
                                            .submit = uring_submit,
                                            .reap = uring_reap,
                                            .has_finished = uring_has_finished,
                                            .system_calls = uring_system_calls,
                                            .is_broken = uring_is_broken,
                                            .features = ikv_uring_feature_bits,
                                            .unregister_file = ikv_uring_unregister_file};
