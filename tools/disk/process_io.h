/* The kernel's counters of this process' reads: /proc/self/io. */
#ifndef DISK_PROCESS_IO_H
#define DISK_PROCESS_IO_H

#include <stdbool.h>
#include <stdint.h>

struct process_io {
    bool known;          /* false: not available */
    uint64_t read_bytes; /* fetched from devices, without page cache hits */
    uint64_t read_calls; /* read, pread and the like, without reads by io_uring */
};

void process_io_now(struct process_io *ret_io);
/* What was read since `start`. */
struct process_io process_io_since(const struct process_io *start);

#endif
