#include "core/io/io_pread.h"

#include "core/io/file_io.h"

#include <errno.h>
#include <stdlib.h>

/* A FIFO queue of requests; reap executes the oldest. */
struct queue {
    unsigned depth;
    unsigned head;
    unsigned waiting;
    uint64_t calls;
    struct ikv_io_request *requests[];
};

/* The contract's name for this backend's object. */
static struct queue *own(struct ikv_io *io)
{
    return (struct queue *)(void *)io;
}

static int pread_create(const struct ikv_io_options *options, struct ikv_io **ret)
{
    struct queue *io = malloc(sizeof *io + options->depth * sizeof io->requests[0]);

    if (!io)
        return -ENOMEM;
    io->depth = options->depth;
    io->head = io->waiting = 0;
    io->calls = 0;
    *ret = (struct ikv_io *)(void *)io;
    return 0;
}

static void pread_destroy(struct ikv_io *io)
{
    free(io);
}

static int pread_submit(struct ikv_io *base, struct ikv_io_request *request)
{
    struct queue *io = own(base);

    if (io->waiting == io->depth)
        return -EAGAIN;
    io->requests[(io->head + io->waiting) % io->depth] = request;
    io->waiting++;
    return 0;
}

static struct ikv_io_request *pread_reap(struct ikv_io *base)
{
    struct queue *io = own(base);
    uint64_t retries = 0;

    if (io->waiting == 0)
        return NULL;
    struct ikv_io_request *request = io->requests[io->head];
    io->head = (io->head + 1) % io->depth;
    io->waiting--;
    if (request->nowait)
        request->code = ikv_pread_resident(request->file->fd, request->buffer, request->length,
                                           request->need, request->offset);
    else
        request->code = ikv_pread_some(request->file->fd, request->buffer, request->length,
                                       request->need, request->offset, &retries);
    request->retries = (uint32_t)retries;
    io->calls += 1 + retries;
    return request;
}

static uint64_t pread_system_calls(const struct ikv_io *io)
{
    return ((const struct queue *)(const void *)io)->calls;
}

const struct ikv_io_backend ikv_io_pread = {.name = "pread",
                                            .depth = 1,
                                            .synchronous = true,
                                            .create = pread_create,
                                            .destroy = pread_destroy,
                                            .submit = pread_submit,
                                            .reap = pread_reap,
                                            .system_calls = pread_system_calls};
