/* A thread of disk_measure. */
#ifndef DISK_WORKER_H
#define DISK_WORKER_H

#include "disk/reader.h"

#include <stdatomic.h>
#include <time.h>

static inline uint64_t nanoseconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What threads share. */
struct disk_run {
    const struct disk_load *load;
    uint64_t begin, from, to;   /* on the clock: reads begin, count, end; to 0: without end */
    atomic_bool stop;           /* an error somewhere */
    atomic_uint_least64_t live; /* reads so far, for progress */
};

struct disk_worker {
    struct disk_run *run;
    unsigned number; /* of the thread */
    struct disk_pattern pattern;
    uint64_t intended; /* open loop: when the next read is to start, on the clock */
    uint64_t started;  /* open loop: reads so far */
    uint64_t limit;    /* most reads that count; UINT64_MAX: any */
    struct disk_result result;
    uint64_t ended; /* on the clock: its last read that counts, or the end of the window */
    double cpu_from;
    int code;
    void *ring;      /* NULL: pread */
    void *buffer;    /* pread's */
    uint64_t *due;   /* of each read in flight: when it was to start */
    uint64_t *begun; /* when it did */
    bool *counts;    /* whether it is one that counts */
};

/* A read ended. */
void disk_worker_count(struct disk_worker *worker, uint64_t now, uint64_t due, uint64_t begun,
                       bool counts);
/* Whether there is nothing to start any more. */
bool disk_worker_done(struct disk_worker *worker, uint64_t now);
/* When read number `started` is to start. */
uint64_t disk_worker_due(const struct disk_worker *worker);

/* With a ring: reader_ring.c, or reader_no_ring.c that has none. 0, -errno, IKV_E_UNSUPPORTED. */
int disk_ring_open(void **ret_ring, int fd, unsigned depth, uint32_t block, char *features,
                   size_t size, const char **ret_what);
void disk_ring_close(void *ring); /* NULL is allowed */
int disk_ring_loop(struct disk_worker *worker);
int disk_ring_list(struct disk_lister *lister, const uint64_t *offsets, size_t count,
                   uint32_t length);

#endif
