/* What the kernel says that this process has read: /proc/self/io. */
#ifndef DISK_PROCESS_IO_H
#define DISK_PROCESS_IO_H

#include <stdbool.h>
#include <stdint.h>

struct process_io {
    bool known;          /* false: the kernel does not tell */
    uint64_t read_bytes; /* fetched from a device; what the page cache had is not in it */
    uint64_t read_calls; /* read, pread and the like; io_uring's reads are not in it */
};

void process_io_now(struct process_io *ret_io);
/* What was read since `start`; not known if either is not. */
struct process_io process_io_since(const struct process_io *start);

#endif
