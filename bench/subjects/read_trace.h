/*
 * Which reads the library makes, exactly: offset, length, order. The program is linked so that the
 * library's calls of pread and of liburing's submit functions come by here (ld's --wrap).
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stddef.h>
#include <stdint.h>

struct recorded_read {
    uint64_t offset;
    uint32_t length;
};

struct read_list {
    struct recorded_read *reads; /* for free() */
    size_t count;
    size_t room;
    int code; /* -ENOMEM: some are missing */
};

/* From now on the reads of all threads are added to `list`, until record_stop. */
void record_start(struct read_list *list);
void record_stop(void);

#endif
