/*
 * Plain reads of a file or device, and how fast they are: what a device gives to a program that
 * does nothing else. Used to measure disks, and for the ceiling that lookups are held against.
 *
 *     struct disk_load load = {
 *         .fd = fd, .backend = disk_best_backend(), .depth = 256, .threads = 1,
 *         .pattern = {.order = DISK_RANDOM, .area = {0, size}, .block = 4096},
 *         .seed = 1, .seconds = 1, .warm_up = 0.1,
 *     };
 *     struct disk_result result;
 *     int code = disk_measure(&load, NULL, &result);
 *     if (code < 0)
 *         message("%s: %s: %s", path, result.what, strerror(-code));
 *     ... disk_rate(&result), result.latency
 *
 * Closed loop (rate 0): each thread keeps `depth` reads in flight (pread: one), a finished one
 * makes room for the next, and latency counts from the start of the read. Open loop (rate > 0):
 * reads have a time at which they are to start, whether earlier ones have ended or not, and latency
 * counts from then: reads that had to wait for their turn show it.
 *
 * Reads that end in the window between warm_up and warm_up + seconds count, and no others.
 */
#ifndef DISK_READER_H
#define DISK_READER_H

#include "base/progress.h"
#include "disk/pattern.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_backend {
    DISK_PREAD,
    DISK_URING /* registered buffers and file */
};

#define DISK_DEPTH_MAX   4096
#define DISK_THREADS_MAX 1024

struct disk_load {
    int fd;
    enum disk_backend backend;
    unsigned depth;              /* of each thread, 1..DISK_DEPTH_MAX; pread: 1 */
    unsigned threads;            /* 1..DISK_THREADS_MAX */
    struct disk_pattern pattern; /* order, area, block and distance are to be set */
    uint64_t seed;
    double seconds; /* that are measured; 0: until `count` */
    uint64_t count; /* most reads that are measured; 0: until `seconds` have gone by */
    double warm_up; /* seconds before, in which reads do not count */
    double rate;    /* reads a second of all threads; 0: as fast as they go */
};

struct disk_result {
    uint64_t reads, bytes; /* that count; of these are all figures */
    uint64_t all_bytes;    /* that were read, warm-up and the like included */
    uint64_t system_calls;
    double seconds;
    double cpu_seconds; /* of the whole process */
    ikv_latency latency;
    ikv_latency service; /* open loop: counted from when the read was started */
    bool interrupted;    /* a caught signal ended it; what was read before counts */
    char ring[96];       /* what the ring had; "": pread */
    const char *what;    /* of a failure: what was done */
};

/* For a line of progress; NULL: none. Whoever measures several things sets `done` to what is behind
 * it, in seconds, before each. */
struct disk_watch {
    struct progress *progress;
    const char *phase;
    double done, total;
};

/* 0 or -errno. IKV_E_UNSUPPORTED: uring is not built in. Ends early, and well, after a caught
 * signal. */
int disk_measure(const struct disk_load *load, const struct disk_watch *watch,
                 struct disk_result *ret_result);

static inline double disk_rate(const struct disk_result *result)
{
    return result->seconds > 0 ? (double)result->reads / result->seconds : 0;
}

/* Whether a ring can be had: 0, -errno, or IKV_E_UNSUPPORTED if it is not built in. */
int disk_try_uring(int fd, const char **ret_what);
const char *disk_backend_name(enum disk_backend backend);

/* ---------------------------------------------------------------- lists of reads */

/* One thread's reads of lists of offsets, up to `depth` of them in flight. */
struct disk_lister {
    int fd;
    uint32_t block; /* most bytes of a read */
    void *ring;     /* NULL: pread */
    void *buffer;   /* pread's */
    uint64_t reads, system_calls;
};

int disk_lister_open(struct disk_lister *lister, int fd, enum disk_backend backend, unsigned depth,
                     uint32_t block, const char **ret_what);
/* `length` bytes at each offset. Returns when all have been read: 0, or -errno of one that failed;
 * -EINTR after a caught signal. */
int disk_lister_read(struct disk_lister *lister, const uint64_t *offsets, size_t count,
                     uint32_t length);
void disk_lister_close(struct disk_lister *lister);

#endif
