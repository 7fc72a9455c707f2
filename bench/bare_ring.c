#include "bare_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define BLOCK 4096

/* The newest first; a kernel that does not know one is asked without it. */
static const unsigned setup_flags[] = {IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER,
                                       IORING_SETUP_COOP_TASKRUN,  IORING_SETUP_SUBMIT_ALL,
                                       IORING_SETUP_CLAMP,         IORING_SETUP_CQSIZE};
enum { SETUP_FLAGS = sizeof setup_flags / sizeof setup_flags[0] };

static int set_up(struct io_uring *uring, unsigned depth)
{
    int code = -EINVAL;

    for (int first = 0; first <= SETUP_FLAGS && code == -EINVAL; first++) {
        struct io_uring_params params = {0};
        for (int i = first; i < SETUP_FLAGS; i++)
            params.flags |= setup_flags[i];
        if (params.flags & IORING_SETUP_CQSIZE)
            params.cq_entries = 2 * depth;
        code = io_uring_queue_init_params(depth, uring, &params);
    }
    return code;
}

static int allocate(struct bare_ring *ring)
{
    void *memory = NULL;

    ring->free = malloc(ring->depth * sizeof *ring->free);
    if (!ring->free || posix_memalign(&memory, BLOCK, ring->depth * ring->buffer_size) != 0)
        return -ENOMEM;
    memset(memory, 0, ring->depth * ring->buffer_size);
    ring->memory = memory;
    for (unsigned i = 0; i < ring->depth; i++)
        ring->free[i] = i;
    ring->free_count = ring->depth;
    return 0;
}

int bare_ring_open(struct bare_ring *ring, unsigned depth, size_t buffer_size, int fd,
                   struct bench_error *error)
{
    *ring = (struct bare_ring){.depth = depth, .buffer_size = buffer_size};
    int code = set_up(&ring->uring, depth);
    if (code < 0)
        return bench_error_set(error, BENCH_SKIPPED, "a ring: %s", strerror(-code));
    code = allocate(ring);
    if (code == 0) {
        const struct iovec memory = {ring->memory, depth * buffer_size};
        code = io_uring_register_buffers(&ring->uring, &memory, 1);
    }
    if (code == 0)
        code = io_uring_register_files(&ring->uring, &fd, 1);
    if (code == 0)
        return BENCH_OK;
    io_uring_queue_exit(&ring->uring);
    free(ring->memory);
    free(ring->free);
    *ring = (struct bare_ring){0};
    return bench_error_set(error, BENCH_SKIPPED, "registering buffers and files: %s",
                           strerror(-code));
}

void bare_ring_close(struct bare_ring *ring)
{
    if (ring->memory)
        io_uring_queue_exit(&ring->uring);
    free(ring->memory);
    free(ring->free);
    *ring = (struct bare_ring){0};
}

void bare_ring_read(struct bare_ring *ring, uint64_t offset, uint32_t length)
{
    const uint32_t buffer = ring->free[--ring->free_count];
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

    io_uring_prep_read_fixed(sqe, 0, ring->memory + buffer * ring->buffer_size, length, offset, 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, buffer);
}

int bare_ring_reap(struct bare_ring *ring, unsigned wait, uint32_t want)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned finished = 0;
    int code =
        wait > 0 ? io_uring_submit_and_wait(&ring->uring, wait) : io_uring_submit(&ring->uring);

    ring->calls++;
    if (code < 0 && code != -EINTR)
        return code;
    code = 0;
    io_uring_for_each_cqe(&ring->uring, head, cqe)
    {
        if (cqe->res < 0)
            code = cqe->res;
        else if (cqe->res == 0 || (want && (uint32_t)cqe->res != want))
            code = -EIO;
        ring->free[ring->free_count++] = (uint32_t)io_uring_cqe_get_data64(cqe);
        finished++;
    }
    io_uring_cq_advance(&ring->uring, finished);
    return code < 0 ? code : (int)finished;
}
