/* A thread of disk_measure. */
#ifndef DISK_WORKER_H
#define DISK_WORKER_H

#include "disk/measurement.h"

#include <stdatomic.h>
#include <time.h>

static inline uint64_t nanoseconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Shared by all threads. Times are those of nanoseconds_now. */
struct disk_run {
    const struct disk_load *load;
    uint64_t begin;             /* of reading */
    uint64_t from, to;          /* reads that complete in [from, to) are measured; to 0: no end */
    atomic_bool stop;           /* a thread failed */
    atomic_uint_least64_t live; /* reads so far, for progress */
};

struct disk_worker {
    struct disk_run *run;
    unsigned number; /* of the thread */
    struct disk_pattern pattern;
    uint64_t started; /* reads so far */
    uint64_t limit;   /* max reads to measure; UINT64_MAX: no limit */
    struct disk_result result;
    uint64_t ended; /* when its last measured read completed, or it was interrupted */
    double cpu_from;
    int code;
    void *ring;      /* NULL: pread */
    void *buffer;    /* for pread */
    uint64_t *due;   /* of each read in flight: its scheduled start */
    uint64_t *begun; /* its actual start */
    bool *measured;  /* whether it is measured */
};

/* Count a completed read. */
void disk_worker_count(struct disk_worker *worker, uint64_t now, uint64_t due, uint64_t begun,
                       bool measured);
/* Whether the worker must not start more reads. */
bool disk_worker_done(struct disk_worker *worker, uint64_t now);
/* The scheduled start of read number `started`. */
uint64_t disk_worker_due(const struct disk_worker *worker);

/* In reader_ring.c, or as stubs in reader_no_ring.c. 0, -errno, or IKV_E_UNSUPPORTED. */
int disk_ring_open(void **ret_ring, int fd, unsigned depth, uint32_t block, char *features,
                   size_t size, const char **ret_what);
void disk_ring_close(void *ring); /* NULL is allowed */
int disk_ring_loop(struct disk_worker *worker);
int disk_ring_read_list(struct disk_list_reader *reader, const uint64_t *offsets, size_t count,
                        uint32_t length);

#endif
