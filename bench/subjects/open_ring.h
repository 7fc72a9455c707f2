/* Opens a bare ring for a benchmark. */
#ifndef BENCH_OPEN_RING_H
#define BENCH_OPEN_RING_H

#include "disk/bare_ring.h"
#include "harness/harness.h"

#include <errno.h>
#include <string.h>

/* BENCH_SKIPPED if the kernel does not allow a ring like the library's. */
static inline int open_ring(struct bare_ring *ring, unsigned depth, size_t buffer_size, int fd,
                            struct bench_error *error)
{
    const char *what;
    const int code = bare_ring_open(ring, depth, buffer_size, fd, &what);

    if (code < 0)
        return bench_error_set(error, BENCH_SKIPPED, "%s: %s", what, strerror(-code));
    if (ring->fixed)
        return BENCH_OK;
    bare_ring_close(ring);
    return bench_error_set(error, BENCH_SKIPPED, "registering buffers: %s", strerror(ENOMEM));
}

#endif
