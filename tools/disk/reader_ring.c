/* Reads through io_uring. Builds without liburing use reader_no_ring.c instead. */
#include "base/signals.h"
#include "disk/bare_ring.h"
#include "disk/worker.h"

#include <errno.h>
#include <stdlib.h>

int disk_ring_open(void **ret_ring, int fd, unsigned depth, uint32_t block, char *features,
                   size_t size, const char **ret_what)
{
    struct bare_ring *ring = malloc(sizeof *ring);
    *ret_what = "allocating a ring";
    if (ring == NULL)
        return -ENOMEM;
    const int code = bare_ring_open(ring, depth, block, fd, ret_what);
    if (code < 0) {
        free(ring);
        return code;
    }
    bare_ring_features(ring, features, size);
    *ret_ring = ring;
    return 0;
}

void disk_ring_close(void *ring)
{
    if (ring == NULL)
        return;
    bare_ring_close(ring);
    free(ring);
}

/* After a failure: wait for the reads in flight, since the kernel writes to their buffers. False:
 * waiting failed, and the buffers must not be freed. */
static bool drain(struct bare_ring *ring)
{
    int failures = 0;
    while (bare_ring_in_flight(ring) > 0 && failures < 100)
        if (bare_ring_reap(ring, 1, 0) < 0 && ring->completed == 0)
            failures++;
    return bare_ring_in_flight(ring) == 0;
}

/* Start as many reads as fit; in an open loop, only those that are due. */
static void fill(struct disk_worker *worker, struct bare_ring *ring, uint64_t now)
{
    const bool open_loop = worker->run->load->rate > 0;
    const uint32_t block = worker->run->load->pattern.block;
    while (ring->free_count > 0) {
        const uint64_t due = open_loop ? disk_worker_due(worker) : now;
        bool measured;
        if (due > now)
            break;
        const uint64_t offset = disk_pattern_next(&worker->pattern, &measured);
        const uint32_t read = bare_ring_read(ring, offset, block);
        worker->due[read] = due;
        worker->begun[read] = now;
        worker->measured[read] = measured;
        worker->started++;
    }
}

/* Wait until a read completes or the next one is due. */
static int wait_for_reads(const struct disk_worker *worker, struct bare_ring *ring, uint64_t now,
                          bool done)
{
    const uint64_t max = 50000000; /* to notice a signal */
    const uint32_t block = worker->run->load->pattern.block;
    if (worker->run->load->rate <= 0 || done || ring->free_count == 0)
        return bare_ring_reap(ring, 1, block);
    const uint64_t due = disk_worker_due(worker);
    const uint64_t wait = due > now ? due - now : 0;
    return bare_ring_reap_within(ring, wait < max ? wait : max, block);
}

int disk_ring_loop(struct disk_worker *worker)
{
    struct bare_ring *ring = worker->ring;
    const uint64_t from = worker->run->from;
    uint64_t calls_from = 0, calls_to = 0;
    for (uint64_t now = nanoseconds_now();;) {
        const bool done = disk_worker_done(worker, now);
        if (!done)
            fill(worker, ring, now);
        if (done && bare_ring_in_flight(ring) == 0)
            break;
        if (now < from)
            calls_from = ring->calls;
        if (!done)
            calls_to = ring->calls + 1;
        const int code = wait_for_reads(worker, ring, now, done);
        if (code < 0) {
            if (!drain(ring))
                worker->ring = NULL; /* leaked: the kernel may still write to its buffers */
            return code;
        }
        now = nanoseconds_now();
        for (uint32_t i = 1; i <= ring->completed; i++) {
            const uint32_t read = ring->free[ring->free_count - i];
            disk_worker_count(worker, now, worker->due[read], worker->begun[read],
                              worker->measured[read]);
        }
    }
    worker->result.system_calls = calls_to - calls_from;
    return 0;
}

int disk_ring_read_list(struct disk_list_reader *reader, const uint64_t *offsets, size_t count,
                        uint32_t length)
{
    struct bare_ring *ring = reader->ring;
    const uint64_t calls = ring->calls;
    size_t started = 0, completed = 0;
    int code = 0;
    while (completed < count && code == 0) {
        while (started < count && ring->free_count > 0)
            bare_ring_read(ring, offsets[started++], length);
        const int got = bare_ring_reap(ring, 1, length);
        if (got > 0)
            completed += (size_t)got;
        code = got < 0 ? got : signals_caught() ? -EINTR : 0;
    }
    if (code < 0 && !drain(ring))
        reader->ring = NULL;
    reader->reads += completed;
    reader->system_calls += ring->calls - calls;
    return completed == count ? 0 : code;
}
