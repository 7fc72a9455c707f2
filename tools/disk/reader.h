/*
 * Measures plain reads of a file or device: what a device delivers to a program that only reads.
 * Used to measure disks, and for the ceiling that lookups are compared with.
 *
 *     struct disk_load load = {
 *         .fd = fd, .backend = DISK_URING, .depth = 256, .threads = 1,
 *         .pattern = {.order = DISK_RANDOM, .area = {0, size}, .block = 4096},
 *         .seed = 1, .seconds = 1, .warm_up = 0.1,
 *     };
 *     struct disk_result result;
 *     int code = disk_measure(&load, NULL, &result);
 *     if (code < 0)
 *         message("%s: %s: %s", path, result.what, strerror(-code));
 *     ... disk_rate(&result), result.latency
 *
 * Closed loop (rate 0): each thread keeps `depth` reads in flight (pread: one), and latency is
 * measured from the start of the read. Open loop (rate > 0): reads are scheduled at a fixed rate,
 * whether earlier ones have completed or not, and latency is measured from the scheduled start, so
 * that it includes queueing.
 *
 * Only reads that complete between warm_up and warm_up + seconds are measured.
 */
#ifndef DISK_READER_H
#define DISK_READER_H

#include "base/progress.h"
#include "disk/measurement.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Progress output; NULL: none. Before each of several measurements, the caller sets `done` to the
 * seconds that the previous ones took. */
struct disk_watch {
    struct progress *progress;
    const char *phase;
    double done, total;
};

/* Show the progress of a measurement that began `elapsed` seconds ago. */
void disk_watch_show(const struct disk_watch *watch, uint64_t reads, double elapsed);

/* 0 or -errno. IKV_E_UNSUPPORTED: built without io_uring. A signal ends it early, with 0. */
int disk_measure(const struct disk_load *load, const struct disk_watch *watch,
                 struct disk_result *ret_result);

static inline double disk_rate(const struct disk_result *result)
{
    return result->seconds > 0 ? (double)result->reads / result->seconds : 0;
}

/* Whether a ring can be created: 0, -errno, or IKV_E_UNSUPPORTED if built without io_uring. */
int disk_try_uring(int fd, const char **ret_what);
const char *disk_backend_name(enum disk_backend backend);

/* ---------------------------------------------------------------- lists of reads */

int disk_list_reader_open(struct disk_list_reader *reader, int fd, enum disk_backend backend,
                          unsigned depth, uint32_t block, const char **ret_what);
/* Read `length` bytes at each offset and wait for all. 0, -errno of a failed read, or -EINTR after
 * a signal. */
int disk_list_reader_read(struct disk_list_reader *reader, const uint64_t *offsets, size_t count,
                          uint32_t length);
void disk_list_reader_close(struct disk_list_reader *reader);

#endif
