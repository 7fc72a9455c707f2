#include "disk/bare_ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define BLOCK 4096

/* The newest first. A flag that the kernel does not know is left out. */
static const unsigned setup_flags[] = {IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER,
                                       IORING_SETUP_COOP_TASKRUN,  IORING_SETUP_SUBMIT_ALL,
                                       IORING_SETUP_CLAMP,         IORING_SETUP_CQSIZE};
enum { SETUP_FLAGS = sizeof setup_flags / sizeof setup_flags[0] };

static int set_up(struct bare_ring *ring)
{
    int code = -EINVAL;

    for (int first = 0; first <= SETUP_FLAGS && code == -EINVAL; first++) {
        struct io_uring_params params = {0};
        for (int i = first; i < SETUP_FLAGS; i++)
            params.flags |= setup_flags[i];
        if (params.flags & IORING_SETUP_CQSIZE)
            params.cq_entries = 2 * ring->depth;
        ring->flags = params.flags;
        code = io_uring_queue_init_params(ring->depth, &ring->uring, &params);
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

/* -ENOMEM: registered buffers would exceed RLIMIT_MEMLOCK. Without them reads cost a little more.
 */
static int register_buffers(struct bare_ring *ring)
{
    const struct iovec memory = {ring->memory, ring->depth * ring->buffer_size};
    const int code = io_uring_register_buffers(&ring->uring, &memory, 1);

    ring->fixed = code == 0;
    return code == -ENOMEM ? 0 : code;
}

int bare_ring_open(struct bare_ring *ring, unsigned depth, size_t buffer_size, int fd,
                   const char **ret_what)
{
    *ring = (struct bare_ring){.depth = depth, .buffer_size = buffer_size};
    *ret_what = "setting up a ring";
    int code = set_up(ring);
    if (code < 0)
        return code;
    *ret_what = "allocating buffers";
    code = allocate(ring);
    if (code == 0) {
        *ret_what = "registering buffers and files";
        code = register_buffers(ring);
    }
    if (code == 0)
        code = io_uring_register_files(&ring->uring, &fd, 1);
    if (code == 0)
        return 0;
    io_uring_queue_exit(&ring->uring);
    free(ring->memory);
    free(ring->free);
    *ring = (struct bare_ring){0};
    return code;
}

void bare_ring_close(struct bare_ring *ring)
{
    if (ring->memory)
        io_uring_queue_exit(&ring->uring);
    free(ring->memory);
    free(ring->free);
    *ring = (struct bare_ring){0};
}

uint32_t bare_ring_read(struct bare_ring *ring, uint64_t offset, uint32_t length)
{
    const uint32_t buffer = ring->free[--ring->free_count];
    unsigned char *memory = ring->memory + buffer * ring->buffer_size;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

    if (ring->fixed)
        io_uring_prep_read_fixed(sqe, 0, memory, length, offset, 0);
    else
        io_uring_prep_read(sqe, 0, memory, length, offset);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, buffer);
    return buffer;
}

/* `code` is the result of submitting and waiting. */
static int reap(struct bare_ring *ring, int code, uint32_t want)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned seen = 0;

    ring->calls++;
    ring->completed = 0;
    if (code < 0 && code != -EINTR && code != -ETIME)
        return code;
    code = 0;
    io_uring_for_each_cqe(&ring->uring, head, cqe)
    {
        seen++;
        if (cqe->user_data == LIBURING_UDATA_TIMEOUT) /* kernels without IORING_FEAT_EXT_ARG */
            continue;
        if (cqe->res < 0)
            code = cqe->res;
        else if (cqe->res == 0 || (want && (uint32_t)cqe->res != want))
            code = -EIO;
        ring->free[ring->free_count++] = (uint32_t)io_uring_cqe_get_data64(cqe);
        ring->completed++;
    }
    io_uring_cq_advance(&ring->uring, seen);
    return code < 0 ? code : (int)ring->completed;
}

int bare_ring_reap(struct bare_ring *ring, unsigned wait, uint32_t want)
{
    return reap(ring,
                wait > 0 ? io_uring_submit_and_wait(&ring->uring, wait)
                         : io_uring_submit(&ring->uring),
                want);
}

int bare_ring_reap_within(struct bare_ring *ring, uint64_t nanoseconds, uint32_t want)
{
    struct __kernel_timespec limit = {.tv_sec = (long long)(nanoseconds / 1000000000),
                                      .tv_nsec = (long long)(nanoseconds % 1000000000)};
    struct io_uring_cqe *cqe;

    return reap(ring, io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1, &limit, NULL), want);
}

const char *bare_ring_features(const struct bare_ring *ring, char *text, size_t size)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{IORING_SETUP_DEFER_TASKRUN, "defer_taskrun "},
                 {IORING_SETUP_SINGLE_ISSUER, "single_issuer "},
                 {IORING_SETUP_COOP_TASKRUN, "coop_taskrun "},
                 {IORING_SETUP_SUBMIT_ALL, "submit_all "}};
    size_t used = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && used < size; i++)
        if (ring->flags & names[i].flag)
            used += (size_t)snprintf(text + used, size - used, "%s", names[i].name);
    if (used < size)
        (void)snprintf(text + used, size - used, "%sfixed_files",
                       ring->fixed ? "fixed_buffers " : "");
    return text;
}
