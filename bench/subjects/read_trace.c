#include "subjects/read_trace.h"

#include <liburing.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>

/* Checked by every read. `target` is only accessed with the lock held. */
static atomic_bool is_tracing;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct read_trace *target;

void read_trace_start(struct read_trace *trace)
{
    (void)pthread_mutex_lock(&lock);
    target = trace;
    atomic_store(&is_tracing, true);
    (void)pthread_mutex_unlock(&lock);
}

void read_trace_stop(void)
{
    (void)pthread_mutex_lock(&lock);
    atomic_store(&is_tracing, false);
    target = NULL;
    (void)pthread_mutex_unlock(&lock);
}

/* The lock must be held. */
static void add(uint64_t offset, uint32_t length)
{
    if (target->count == target->capacity) {
        const size_t capacity = 2 * target->capacity + 64;
        struct traced_read *reads = realloc(target->reads, capacity * sizeof *reads);
        if (!reads) {
            target->code = -ENOMEM;
            return;
        }
        target->reads = reads;
        target->capacity = capacity;
    }
    target->reads[target->count++] = (struct traced_read){offset, length};
}

static void trace_pread(size_t size, off_t offset)
{
    if (!atomic_load_explicit(&is_tracing, memory_order_relaxed))
        return;
    (void)pthread_mutex_lock(&lock);
    if (target)
        add((uint64_t)offset, (uint32_t)size);
    (void)pthread_mutex_unlock(&lock);
}

/* Adds the prepared reads that are about to be submitted. */
static void trace_prepared(const struct io_uring *ring)
{
    const struct io_uring_sq *sq = &ring->sq;

    if (!atomic_load_explicit(&is_tracing, memory_order_relaxed))
        return;
    (void)pthread_mutex_lock(&lock);
    for (unsigned i = sq->sqe_head; target && i != sq->sqe_tail; i++) {
        const struct io_uring_sqe *sqe = &sq->sqes[i & *sq->kring_mask];
        if (sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_READ_FIXED)
            add(sqe->off, sqe->len);
    }
    (void)pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------- wrappers, see --wrap in ld(1) */

ssize_t __real_pread(int fd, void *buffer, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset);
ssize_t __real_pread64(int fd, void *buffer, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t offset);
int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned wait);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned wait);

ssize_t __wrap_pread(int fd, void *buffer, size_t size, off_t offset)
{
    trace_pread(size, offset);
    return __real_pread(fd, buffer, size, offset);
}

ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t offset)
{
    trace_pread(size, offset);
    return __real_pread64(fd, buffer, size, offset);
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
    trace_prepared(ring);
    return __real_io_uring_submit(ring);
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned wait)
{
    trace_prepared(ring);
    return __real_io_uring_submit_and_wait(ring, wait);
}
