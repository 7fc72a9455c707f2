/*
 * An io_uring instance set up like the library's (single issuer, deferred task work, one registered
 * file, registered buffers) without any logic around it. It measures disks, and is what lookups are
 * compared with. Only in builds with liburing.
 */
#ifndef DISK_BARE_RING_H
#define DISK_BARE_RING_H

#include <liburing.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bare_ring {
    struct io_uring uring;
    unsigned char *memory; /* `depth` buffers; NULL: the ring is closed */
    size_t buffer_size;
    unsigned depth;
    unsigned flags;     /* IORING_SETUP_* flags that the kernel accepted */
    bool fixed;         /* buffers are registered; RLIMIT_MEMLOCK may prevent it */
    uint64_t calls;     /* system calls since it was opened */
    uint32_t *free;     /* stack of buffers not in flight, the most recently used on top */
    uint32_t completed; /* reads reaped by the last call; their buffers are on top of `free` */
    unsigned free_count;
};

/* 0, or -errno and in *ret_what the step that failed. */
int bare_ring_open(struct bare_ring *ring, unsigned depth, size_t buffer_size, int fd,
                   const char **ret_what);
/* Nothing may be in flight. A zeroed ring is a closed one. */
void bare_ring_close(struct bare_ring *ring);

/* Prepare a read of at most buffer_size bytes; there must be a free buffer. Returns the buffer's
 * number. */
uint32_t bare_ring_read(struct bare_ring *ring, uint64_t offset, uint32_t length);
/* Submit the prepared reads, wait for at least `wait` completions, and free the buffers of all
 * completed reads. Each must have read `want` bytes; 0: any number but 0. Returns the number of
 * completed reads, or -errno. */
int bare_ring_reap(struct bare_ring *ring, unsigned wait, uint32_t want);
/* The same, waiting for one completion or until the time is over. */
int bare_ring_reap_within(struct bare_ring *ring, uint64_t nanoseconds, uint32_t want);

/* Returns `text`, e.g. "defer_taskrun single_issuer fixed_buffers fixed_files". */
const char *bare_ring_features(const struct bare_ring *ring, char *text, size_t size);

static inline unsigned bare_ring_in_flight(const struct bare_ring *ring)
{
    return ring->depth - ring->free_count;
}

#endif
