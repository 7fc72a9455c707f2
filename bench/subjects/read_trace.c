#include "subjects/read_trace.h"

#include <liburing.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>

/* Looked at by every read; the rest is used under the lock, by recorded reads only. */
static atomic_bool is_recording;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct read_list *target;

void record_start(struct read_list *list)
{
    (void)pthread_mutex_lock(&lock);
    target = list;
    atomic_store(&is_recording, true);
    (void)pthread_mutex_unlock(&lock);
}

void record_stop(void)
{
    (void)pthread_mutex_lock(&lock);
    atomic_store(&is_recording, false);
    target = NULL;
    (void)pthread_mutex_unlock(&lock);
}

/* The lock is held. */
static void add(uint64_t offset, uint32_t length)
{
    if (target->count == target->room) {
        const size_t room = 2 * target->room + 64;
        struct recorded_read *reads = realloc(target->reads, room * sizeof *reads);
        if (!reads) {
            target->code = -ENOMEM;
            return;
        }
        target->reads = reads;
        target->room = room;
    }
    target->reads[target->count++] = (struct recorded_read){offset, length};
}

static void note_pread(size_t size, off_t offset)
{
    if (!atomic_load_explicit(&is_recording, memory_order_relaxed))
        return;
    (void)pthread_mutex_lock(&lock);
    if (target)
        add((uint64_t)offset, (uint32_t)size);
    (void)pthread_mutex_unlock(&lock);
}

/* What is prepared and was not handed over before. */
static void note_prepared(const struct io_uring *ring)
{
    const struct io_uring_sq *sq = &ring->sq;

    if (!atomic_load_explicit(&is_recording, memory_order_relaxed))
        return;
    (void)pthread_mutex_lock(&lock);
    for (unsigned i = sq->sqe_head; target && i != sq->sqe_tail; i++) {
        const struct io_uring_sqe *sqe = &sq->sqes[i & *sq->kring_mask];
        if (sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_READ_FIXED)
            add(sqe->off, sqe->len);
    }
    (void)pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------- what the linker redirects */

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
    note_pread(size, offset);
    return __real_pread(fd, buffer, size, offset);
}

ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t offset)
{
    note_pread(size, offset);
    return __real_pread64(fd, buffer, size, offset);
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
    note_prepared(ring);
    return __real_io_uring_submit(ring);
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned wait)
{
    note_prepared(ring);
    return __real_io_uring_submit_and_wait(ring, wait);
}
