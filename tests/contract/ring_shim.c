#include "ring_shim.h"

#include "rng.h"

#include <errno.h>
#include <liburing.h>
#include <stddef.h>
#include <string.h>

/* The user data's lower half is the operation's number, this one being the marker of a drain; the
 * upper half tells uses of the number apart. */
#define MARKER UINT32_MAX
/* No operation has this number. */
#define NOBODY (UINT32_MAX - 1)

#define TRACKED 4096

static bool active;
static struct ring_faults plan;
static struct ring_fault_counts counts;
static rng_state rng;
static unsigned seen; /* completions up to here were looked at */
static bool owes_badr;
static unsigned tracked_to; /* requests up to here were looked at */
/* Where the read of an operation goes to. */
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
    owes_badr = false;
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
    return c->refused + c->interrupted + c->partial + c->early + c->cut + c->put_off + c->failed +
           c->lost + c->reordered;
}

static bool one_in(unsigned n)
{
    return n > 0 && rng_below(&rng, n) == 0;
}

/* ---------------------------------------------------------------- completions */

static void track(const struct io_uring *ring)
{
    const struct io_uring_sq *sq = &ring->sq;

    if (sq->sqe_tail - tracked_to > sq->sqe_tail - *sq->khead) /* the kernel has them already */
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

/* The kernel may have written anything to where it says that it read nothing to. */
static void spoil(uint32_t number, uint32_t from)
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
    spoil(number, left);
    counts.cut++;
}

static void put_off(struct io_uring_cqe *cqe, uint32_t number)
{
    static const int codes[] = {-EAGAIN, -EINTR, -EBUSY, -ENOMEM, -ECANCELED};

    cqe->res = codes[rng_below(&rng, sizeof codes / sizeof codes[0])];
    spoil(number, 0);
    counts.put_off++;
}

/* In the place of the completion that is dropped there is one for nobody, or one that has come
 * before: of an earlier read by the same operation. */
static void lose(struct io_uring *ring, struct io_uring_cqe *cqe, uint32_t number)
{
    if (number < TRACKED && tracked[number].generation > 0 && one_in(2))
        cqe->user_data = (uint64_t)(tracked[number].generation - 1) << 32 | number;
    else
        cqe->user_data = NOBODY;
    spoil(number, 0);
    *ring->cq.koverflow += 1;
    owes_badr = true;
    counts.lost++;
}

static void meddle(struct io_uring *ring, struct io_uring_cqe *cqe)
{
    uint32_t number = (uint32_t)cqe->user_data;

    counts.completions++;
    if (number == NOBODY)
        return;
    if (one_in(plan.lose)) {
        lose(ring, cqe, number);
    } else if (number == MARKER) {
        return;
    } else if (plan.result_count > 0) {
        plan.result_count--;
        cqe->res = plan.result_code;
        spoil(number, 0);
        counts.failed++;
    } else if (plan.cut_to > 0 && cqe->res > (int)plan.cut_to) {
        cqe->res = (int)plan.cut_to;
        spoil(number, plan.cut_to);
        counts.cut++;
    } else if (cqe->res > 1 && one_in(plan.cut)) {
        cut(cqe, number);
    } else if (one_in(plan.put_off)) {
        put_off(cqe, number);
    } else if (one_in(plan.fail)) {
        cqe->res = -EIO;
        spoil(number, 0);
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
        /* What came before the marker of a drain comes before it. */
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

static void look_at_completions(struct io_uring *ring)
{
    const unsigned begin = *ring->cq.khead;
    const unsigned end = io_uring_smp_load_acquire(ring->cq.ktail);

    if (seen - begin > end - begin) /* they were taken already */
        seen = begin;
    for (; seen != end; seen++)
        meddle(ring, &ring->cq.cqes[seen & ring->cq.ring_mask]);
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

/* The code that a call fails with before anything happens, or 0. */
static int draw_failure(const struct io_uring *ring)
{
    static const int codes[] = {-EAGAIN, -EBUSY, -ENOMEM};

    counts.calls++;
    if (plan.call_count > 0 && !(plan.waits_only && io_uring_sq_ready(ring) > 0)) {
        plan.call_count--;
        counts.refused++;
        return plan.call_code;
    }
    if (owes_badr && one_in(2)) {
        owes_badr = false;
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

/* Hand over only some of what is prepared, and then the kernel does not wait. */
static int submit_some(struct io_uring *ring)
{
    struct io_uring_sq *sq = &ring->sq;
    const unsigned tail = sq->sqe_tail;
    const unsigned fresh = tail - *sq->ktail; /* the rest was given to the kernel before */

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
    look_at_completions(ring);
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
    look_at_completions(ring);
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
    look_at_completions(ring);
    return result;
}

/* ---------------------------------------------------------------- set-up */

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
