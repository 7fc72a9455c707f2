#include "iouring/ring.h"

#include "core/platform/platform.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Submissions are batched; more entries would only cost memory. */
#define SQ_ENTRIES_MAX 4096
/* Out of memory, the ring is made smaller, down to this. */
#define ENTRIES_MIN 8
/* The kernel's limit. */
#define CQ_ENTRIES_MAX 65536

/* The newest first: the order in which they are dropped. */
static const struct {
    unsigned feature;
    unsigned flag;
} setup_flags[] = {
    {IKV_URING_DEFER_TASKRUN, IORING_SETUP_DEFER_TASKRUN}, /* Linux 6.1 */
    {IKV_URING_SINGLE_ISSUER, IORING_SETUP_SINGLE_ISSUER}, /* 6.0 */
    {IKV_URING_COOP_TASKRUN, IORING_SETUP_COOP_TASKRUN},   /* 5.19 */
    {IKV_URING_SUBMIT_ALL, IORING_SETUP_SUBMIT_ALL},       /* 5.18 */
    {IKV_URING_CLAMP, IORING_SETUP_CLAMP},                 /* 5.6 */
    {IKV_URING_CQSIZE, IORING_SETUP_CQSIZE},               /* 5.5 */
};
enum { SETUP_FLAGS = sizeof setup_flags / sizeof setup_flags[0] };

static unsigned flags_of(unsigned features)
{
    unsigned flags = 0;

    for (int i = 0; i < SETUP_FLAGS; i++)
        if (features & setup_flags[i].feature)
            flags |= setup_flags[i].flag;
    return flags;
}

/* The newest of `features` that setup can drop; 0: none. */
static unsigned newest_of(unsigned features)
{
    for (int i = 0; i < SETUP_FLAGS; i++)
        if (features & setup_flags[i].feature)
            return setup_flags[i].feature;
    return 0;
}

/* Features to request with these options. */
static unsigned wanted_features(const struct ikv_uring_options *uring)
{
    unsigned features = IKV_URING_FEATURES & ~uring->without;

    if (!(features & IKV_URING_SINGLE_ISSUER))
        features &= ~(unsigned)IKV_URING_DEFER_TASKRUN;
    if (uring->sqpoll) /* the kernel thread runs the task work */
        features &= ~(unsigned)(IKV_URING_DEFER_TASKRUN | IKV_URING_COOP_TASKRUN);
    return features;
}

static unsigned power_of_two(unsigned min, unsigned max)
{
    unsigned n = 1;

    while (n < min && n < max)
        n *= 2;
    return n;
}

/* A completion queue as large as the depth can't overflow, since no more reads are in flight. Twice
 * the submission queue is the kernel's default and does not need CQSIZE. */
static void choose_entries(unsigned depth, const struct ikv_uring_options *uring, unsigned *ret_sq,
                           unsigned *ret_cq)
{
    unsigned sq = uring->sq_entries ? uring->sq_entries : power_of_two(depth, SQ_ENTRIES_MAX);
    unsigned cq = uring->cq_entries ? uring->cq_entries : power_of_two(depth, CQ_ENTRIES_MAX);

    if (!uring->cq_entries && cq < 2 * sq)
        cq = 2 * sq;
    *ret_sq = sq;
    *ret_cq = cq < sq ? sq : cq; /* required by the kernel */
}

static int set_up(struct ikv_ring *ring, unsigned sq, unsigned cq,
                  const struct ikv_uring_options *uring)
{
    unsigned dropped;

    for (;;) {
        struct io_uring_params params = {.flags = flags_of(ring->features), .cq_entries = cq};

        if (!(ring->features & IKV_URING_CQSIZE))
            params.cq_entries = 0;
        if (uring->sqpoll)
            params.flags |= IORING_SETUP_SQPOLL;
        if (uring->iopoll)
            params.flags |= IORING_SETUP_IOPOLL;
        int code = io_uring_queue_init_params(sq, &ring->uring, &params);
        if (code == -EINVAL && (dropped = newest_of(ring->features)) != 0) {
            ring->features &= ~dropped;
            ring->refused |= dropped;
        } else if (code == -ENOMEM && sq > ENTRIES_MIN) {
            sq /= 2; /* before Linux 5.12 a ring counts as locked memory */
            cq = 2 * sq;
        } else {
            return code;
        }
    }
}

/* The backend needs Linux 5.6: IORING_OP_READ, which was added together with RW_CUR_POS, and
 * NODROP, which keeps completions that do not fit into their queue. */
static bool is_too_old(const struct io_uring *uring)
{
    const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS;
    return (uring->features & needed) != needed;
}

/* With registered buffers the kernel need not pin the memory for each read. They are optional, so a
 * refusal, typically ENOMEM because of RLIMIT_MEMLOCK, is only noted for ikv_uring_features. */
void ikv_ring_register_memory(struct ikv_ring *ring, void *memory, size_t size)
{
    const size_t buffer_size = (size_t)1 << IKV_RING_BUFFER_BITS;
    struct iovec buffers[IKV_RING_BUFFERS_MAX];
    unsigned count = 0;
    size_t left = size;

    if (!ring->may_register)
        return;
    ring->may_register = false;
    for (unsigned char *at = memory; left > 0 && count < IKV_RING_BUFFERS_MAX; count++) {
        buffers[count].iov_base = at;
        buffers[count].iov_len = left < buffer_size ? left : buffer_size;
        left -= buffers[count].iov_len;
        at += buffers[count].iov_len;
    }
    if (count == 0)
        return;
    ring->buffers_code = io_uring_register_buffers(&ring->uring, buffers, count);
    if (ring->buffers_code < 0) {
        ring->refused |= IKV_URING_BUFFERS;
        return;
    }
    ring->features |= IKV_URING_BUFFERS;
    ring->memory = (uintptr_t)memory;
    ring->memory_size = size - left;
}

/* Like io_uring_queue_exit, but through the C library. liburing makes system calls directly, so
 * tools that track memory (sanitizers) would miss that the mappings are gone. */
static void unmap_and_close(struct io_uring *uring)
{
    ikv_platform_unmap(uring->sq.sqes, uring->sq.ring_entries * sizeof *uring->sq.sqes);
    if (uring->cq.ring_ptr != uring->sq.ring_ptr)
        ikv_platform_unmap(uring->cq.ring_ptr, uring->cq.ring_sz);
    ikv_platform_unmap(uring->sq.ring_ptr, uring->sq.ring_sz);
    if (uring->ring_fd >= 0)
        (void)close(uring->ring_fd);
}

int ikv_ring_open(struct ikv_ring *ring, const struct ikv_io_options *options,
                  const struct ikv_uring_options *uring)
{
    unsigned sq;
    unsigned cq;

    memset(ring, 0, sizeof *ring);
    ring->features = wanted_features(uring);
    choose_entries(options->depth, uring, &sq, &cq);
    int code = set_up(ring, sq, cq, uring);
    if (code < 0)
        return code;
    if (is_too_old(&ring->uring)) {
        unmap_and_close(&ring->uring);
        return -EOPNOTSUPP;
    }
    ring->may_register = (ring->features & IKV_URING_BUFFERS) != 0;
    ring->features &= ~(unsigned)IKV_URING_BUFFERS;
    if (options->register_after == 0)
        ikv_ring_register_memory(ring, options->memory, options->memory_size);
    return 0;
}

void ikv_ring_close(struct ikv_ring *ring)
{
    /* The kernel frees a closed ring some time later. Unregistering the buffers first returns the
     * locked memory at once, for the next ring. */
    if (ring->features & IKV_URING_BUFFERS)
        (void)io_uring_unregister_buffers(&ring->uring);
    unmap_and_close(&ring->uring);
}

void ikv_ring_abandon(struct ikv_ring *ring)
{
    /* Unmapping and closing the child's copies does not affect the ring. */
    unmap_and_close(&ring->uring);
}
