#include "ring_shim.h"

#include "rng.h"

#include <errno.h>
#include <liburing.h>
#include <stddef.h>
#include <string.h>

/* The lower half of user data is the operation's number, or MARKER for the marker of a drain. The
 * upper half is the number's generation. */
#define MARKER UINT32_MAX
/* A number that no operation has. */
#define NO_OPERATION (UINT32_MAX - 1)

#define TRACKED 4096

static bool active;
static struct ring_faults plan;
static struct ring_fault_counts counts;
static rng_state rng;
static unsigned seen; /* completions up to here were handled */
static bool badr_pending;
static unsigned tracked_to; /* requests up to here were noted */
/* The buffer of each operation. */
static struct {
    unsigned char *buffer;
    uint32_t length;
    uint32_t generation;
} tracked[TRACKED];

static struct ring_setup_faults setup_plan;
static unsigned setups;

void ring_shim_start(const struct ring_faults *faults)
{
    plan = *faults;
    counts = (struct ring_fault_counts){0};
    rng.state = faults->seed;
    badr_pending = false;
    active = true;
}

struct ring_fault_counts ring_shim_stop(void)
{
    active = false;
    return counts;
}

struct ring_fault_counts ring_shim_counts(void)
{
    return counts;
}

uint64_t ring_fault_sum(const struct ring_fault_counts *c)
{
    return c->refused + c->interrupted + c->partial + c->early + c->cut + c->transient + c->failed +
           c->dropped + c->reordered;
}

static bool one_in(unsigned n)
{
    return n > 0 && rng_below(&rng, n) == 0;
}

/* ---------------------------------------------------------------- completions */

static void track(const struct io_uring *ring)
{
    const struct io_uring_sq *sq = &ring->sq;

    if (sq->sqe_tail - tracked_to > sq->sqe_tail - *sq->khead) /* the kernel has consumed them */
        tracked_to = *sq->khead;
    for (; tracked_to != sq->sqe_tail; tracked_to++) {
        const struct io_uring_sqe *sqe = &sq->sqes[tracked_to & sq->ring_mask];
        uint32_t number = (uint32_t)sqe->user_data;
        if (number >= TRACKED)
            continue;
        tracked[number].buffer = (unsigned char *)(uintptr_t)sqe->addr;
        tracked[number].length = sqe->len;
        tracked[number].generation = (uint32_t)(sqe->user_data >> 32);
        counts.reads++;
        counts.fixed_buffers += sqe->opcode == IORING_OP_READ_FIXED;
        counts.fixed_files += (sqe->flags & IOSQE_FIXED_FILE) != 0;
    }
}

/* Overwrites the part of the buffer that the result does not cover: the kernel may write there. */
static void overwrite(uint32_t number, uint32_t from)
{
    if (number < TRACKED && tracked[number].length > from)
        memset(tracked[number].buffer + from, 0xd1, tracked[number].length - from);
}

static void cut(struct io_uring_cqe *cqe, uint32_t number)
{
    uint32_t left = (uint32_t)(1 + rng_below(&rng, (uint64_t)cqe->res - 1));

    if (left > 512 && one_in(2))
        left -= left % 512;
    cqe->res = (int)left;
    overwrite(number, left);
    counts.cut++;
}

static void transient(struct io_uring_cqe *cqe, uint32_t number)
{
    static const int codes[] = {-EAGAIN, -EINTR, -EBUSY, -ENOMEM, -ECANCELED};

    cqe->res = codes[rng_below(&rng, sizeof codes / sizeof codes[0])];
    overwrite(number, 0);
    counts.transient++;
}

/* Replaces a dropped completion by one of no operation, or of an earlier generation of the same
 * one. */
static void drop(struct io_uring *ring, struct io_uring_cqe *cqe, uint32_t number)
{
    if (number < TRACKED && tracked[number].generation > 0 && one_in(2))
        cqe->user_data = (uint64_t)(tracked[number].generation - 1) << 32 | number;
    else
        cqe->user_data = NO_OPERATION;
    overwrite(number, 0);
    *ring->cq.koverflow += 1;
    badr_pending = true;
    counts.dropped++;
}

static void modify(struct io_uring *ring, struct io_uring_cqe *cqe)
{
    uint32_t number = (uint32_t)cqe->user_data;

    counts.completions++;
    if (number == NO_OPERATION)
        return;
    if (one_in(plan.drop)) {
        drop(ring, cqe, number);
    } else if (number == MARKER) {
        return;
    } else if (plan.result_count > 0) {
        plan.result_count--;
        cqe->res = plan.result_code;
        overwrite(number, 0);
        counts.failed++;
    } else if (plan.cut_to > 0 && cqe->res > (int)plan.cut_to) {
        cqe->res = (int)plan.cut_to;
        overwrite(number, plan.cut_to);
        counts.cut++;
    } else if (cqe->res > 1 && one_in(plan.cut)) {
        cut(cqe, number);
    } else if (one_in(plan.transient)) {
        transient(cqe, number);
    } else if (one_in(plan.fail)) {
        cqe->res = -EIO;
        overwrite(number, 0);
        counts.failed++;
    }
}

static void shuffle(struct io_uring *ring, unsigned begin, unsigned end)
{
    const unsigned mask = ring->cq.ring_mask;

    for (unsigned i = end; i - begin > 1; i--) {
        struct io_uring_cqe *a = &ring->cq.cqes[(i - 1) & mask];
        struct io_uring_cqe *b = &ring->cq.cqes[(begin + rng_below(&rng, i - begin)) & mask];
        struct io_uring_cqe spare = *a;
        /* A drain's marker completes after all before it. */
        if ((uint32_t)a->user_data == MARKER || (uint32_t)b->user_data == MARKER || a == b)
            continue;
        *a = *b;
        *b = spare;
    }
    if (end - begin > 1)
        counts.reordered++;
}

static bool has_marker(const struct io_uring *ring, unsigned begin, unsigned end)
{
    for (unsigned i = begin; i != end; i++)
        if ((uint32_t)ring->cq.cqes[i & ring->cq.ring_mask].user_data == MARKER)
            return true;
    return false;
}

static void handle_completions(struct io_uring *ring)
{
    const unsigned begin = *ring->cq.khead;
    const unsigned end = io_uring_smp_load_acquire(ring->cq.ktail);

    if (seen - begin > end - begin) /* the backend has consumed them */
        seen = begin;
    for (; seen != end; seen++)
        modify(ring, &ring->cq.cqes[seen & ring->cq.ring_mask]);
    if (plan.shuffle && !has_marker(ring, begin, end))
        shuffle(ring, begin, end);
}

/* ---------------------------------------------------------------- calls */

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned wait_nr);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned wait_nr);
int __real___io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned submit,
                              unsigned wait_nr, sigset_t *sigmask);
int __wrap___io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned submit,
                              unsigned wait_nr, sigset_t *sigmask);

/* The code with which the call fails without any effect, or 0. */
static int draw_failure(const struct io_uring *ring)
{
    static const int codes[] = {-EAGAIN, -EBUSY, -ENOMEM};

    counts.calls++;
    if (plan.call_count > 0 && !(plan.waits_only && io_uring_sq_ready(ring) > 0)) {
        plan.call_count--;
        counts.refused++;
        return plan.call_code;
    }
    if (badr_pending && one_in(2)) {
        badr_pending = false;
        return -EBADR;
    }
    if (one_in(plan.refuse)) {
        counts.refused++;
        return codes[rng_below(&rng, sizeof codes / sizeof codes[0])];
    }
    if (one_in(plan.interrupt)) {
        counts.interrupted++;
        return -EINTR;
    }
    return 0;
}

/* Submits only some of the prepared requests. The kernel does not wait then. */
static int submit_some(struct io_uring *ring)
{
    struct io_uring_sq *sq = &ring->sq;
    const unsigned tail = sq->sqe_tail;
    const unsigned fresh = tail - *sq->ktail; /* not submitted before */

    sq->sqe_tail -= (unsigned)rng_below(&rng, fresh + 1);
    int result = __real_io_uring_submit(ring);
    sq->sqe_tail = tail;
    counts.partial++;
    return result;
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
    if (!active)
        return __real_io_uring_submit(ring);
    track(ring);
    int result = draw_failure(ring);
    if (result < 0)
        return result;
    result = one_in(plan.partial) ? submit_some(ring) : __real_io_uring_submit(ring);
    handle_completions(ring);
    return result;
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned wait_nr)
{
    if (!active)
        return __real_io_uring_submit_and_wait(ring, wait_nr);
    track(ring);
    int result = draw_failure(ring);
    if (result < 0)
        return result;
    if (one_in(plan.partial)) {
        result = submit_some(ring);
    } else if (one_in(plan.early)) {
        counts.early++;
        result = __real_io_uring_submit(ring);
    } else {
        result = __real_io_uring_submit_and_wait(ring, wait_nr);
    }
    handle_completions(ring);
    return result;
}

int __wrap___io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned submit,
                              unsigned wait_nr, sigset_t *sigmask)
{
    if (!active)
        return __real___io_uring_get_cqe(ring, cqe_ptr, submit, wait_nr, sigmask);
    int result = draw_failure(ring);
    if (result < 0)
        return result;
    result = __real___io_uring_get_cqe(ring, cqe_ptr, submit, wait_nr, sigmask);
    handle_completions(ring);
    return result;
}

/* ---------------------------------------------------------------- setup */

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p);
int __real_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovecs,
                                     unsigned nr_iovecs);
int __wrap_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovecs,
                                     unsigned nr_iovecs);
int __real_io_uring_register_files(struct io_uring *ring, const int *files, unsigned nr_files);
int __wrap_io_uring_register_files(struct io_uring *ring, const int *files, unsigned nr_files);

void ring_shim_setup(const struct ring_setup_faults *faults)
{
    setup_plan = faults ? *faults : (struct ring_setup_faults){0};
    setups = 0;
}

unsigned ring_shim_setups(void)
{
    return setups;
}

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *p)
{
    setups++;
    seen = tracked_to = 0;
    if (p->flags & setup_plan.unknown_flags)
        return -EINVAL;
    if (setup_plan.setup_code)
        return setup_plan.setup_code;
    if (setup_plan.entries_max && entries > setup_plan.entries_max)
        return -ENOMEM;
    int result = __real_io_uring_queue_init_params(entries, ring, p);
    if (result == 0)
        ring->features &= ~setup_plan.hidden_bits;
    return result;
}

int __wrap_io_uring_register_buffers(struct io_uring *ring, const struct iovec *iovecs,
                                     unsigned nr_iovecs)
{
    if (setup_plan.buffers_code)
        return setup_plan.buffers_code;
    return __real_io_uring_register_buffers(ring, iovecs, nr_iovecs);
}

int __wrap_io_uring_register_files(struct io_uring *ring, const int *files, unsigned nr_files)
{
    if (setup_plan.files_code)
        return setup_plan.files_code;
    return __real_io_uring_register_files(ring, files, nr_files);
}
