/*
 * A ring as the library sets its own up (one thread, deferred task work, one registered file,
 * registered buffers), and nothing around it: what lookups are measured against.
 */
#ifndef BENCH_BARE_RING_H
#define BENCH_BARE_RING_H

#include "harness.h"

#include <liburing.h>

#include <stddef.h>
#include <stdint.h>

struct bare_ring {
    struct io_uring uring;
    unsigned char *memory; /* `depth` buffers. NULL: the ring is closed */
    size_t buffer_size;
    unsigned depth;
    uint64_t calls; /* of the system, since it was opened */
    uint32_t *free; /* buffers that no read in flight uses, the one used last on top */
    unsigned free_count;
};

/* BENCH_*; skipped if the kernel does not let us have a ring. */
int bare_ring_open(struct bare_ring *ring, unsigned depth, size_t buffer_size, int fd,
                   struct bench_error *error);
/* Nothing is in flight. A ring that is all zero is closed already. */
void bare_ring_close(struct bare_ring *ring);

/* Prepare a read of at most buffer_size bytes; there must be a free buffer. */
void bare_ring_read(struct bare_ring *ring, uint64_t offset, uint32_t length);
/* Hand over what is prepared, wait until at least `wait` reads are finished, and free the buffers
 * of all that are. `want` bytes each must have been read; 0: some. Returns how many are finished,
 * or -errno. */
int bare_ring_reap(struct bare_ring *ring, unsigned wait, uint32_t want);

static inline unsigned bare_ring_in_flight(const struct bare_ring *ring)
{
    return ring->depth - ring->free_count;
}

#endif
