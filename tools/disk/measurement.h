/* What is measured, and the result: see reader.h. */
#ifndef DISK_MEASUREMENT_H
#define DISK_MEASUREMENT_H

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
    unsigned depth;              /* per thread, 1..DISK_DEPTH_MAX; pread: 1 */
    unsigned threads;            /* 1..DISK_THREADS_MAX */
    struct disk_pattern pattern; /* the caller sets order, area, block and distance */
    uint64_t seed;
    double seconds; /* to measure; 0: until `count` reads */
    uint64_t count; /* max reads to measure; 0: until `seconds` have passed */
    double warm_up; /* seconds of reading before the measurement */
    double rate;    /* reads per second of all threads; 0: closed loop */
};

struct disk_result {
    uint64_t reads, bytes; /* measured; all other results are of these, too */
    uint64_t all_bytes;    /* including those that are not measured */
    uint64_t system_calls;
    double seconds;
    double cpu_seconds; /* of the whole process */
    ikv_latency latency;
    ikv_latency service; /* open loop: from the actual start of the read */
    bool interrupted;    /* ended early by a signal; results are valid */
    char ring[96];       /* features of the ring; "": pread */
    const char *what;    /* the step that failed */
};

/* Reads lists of offsets on the calling thread, with up to `depth` reads in flight. */
struct disk_list_reader {
    int fd;
    uint32_t block; /* max bytes per read */
    void *ring;     /* NULL: pread */
    void *buffer;   /* for pread */
    uint64_t reads, system_calls;
};

#endif
