/*
 * A ring as the library sets its own up (one thread, deferred task work, one registered file,
 * registered buffers), and nothing around it: what lookups are measured against, and what
 * measures disks. Only in builds with liburing.
 */
#ifndef DISK_BARE_RING_H
#define DISK_BARE_RING_H

#include <liburing.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bare_ring {
    struct io_uring uring;
    unsigned char *memory; /* `depth` buffers. NULL: the ring is closed */
    size_t buffer_size;
    unsigned depth;
    unsigned flags;    /* IORING_SETUP_* that the kernel took */
    bool fixed;        /* buffers are registered: the kernel lets us lock so much memory */
    uint64_t calls;    /* of the system, since it was opened */
    uint32_t *free;    /* buffers that no read in flight uses, the one used last on top */
    uint32_t finished; /* by the last bare_ring_reap; they are the topmost of `free` */
    unsigned free_count;
};

/* 0, or -errno and in *ret_what what the kernel would not do. */
int bare_ring_open(struct bare_ring *ring, unsigned depth, size_t buffer_size, int fd,
                   const char **ret_what);
/* Nothing is in flight. A ring that is all zero is closed already. */
void bare_ring_close(struct bare_ring *ring);

/* Prepare a read of at most buffer_size bytes; there must be a free buffer. Returns its number. */
uint32_t bare_ring_read(struct bare_ring *ring, uint64_t offset, uint32_t length);
/* Hand over what is prepared, wait until at least `wait` reads are finished, and free the buffers
 * of all that are. `want` bytes each must have been read; 0: some. Returns how many are finished,
 * or -errno. */
int bare_ring_reap(struct bare_ring *ring, unsigned wait, uint32_t want);
/* The same, but waiting no longer than so many nanoseconds. */
int bare_ring_reap_within(struct bare_ring *ring, uint64_t nanoseconds, uint32_t want);

/* What the ring has, for instance "defer_taskrun single_issuer fixed_buffers fixed_files". */
const char *bare_ring_features(const struct bare_ring *ring, char *text, size_t size);

static inline unsigned bare_ring_in_flight(const struct bare_ring *ring)
{
    return ring->depth - ring->free_count;
}

#endif
