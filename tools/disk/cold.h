/*
 * Cold: a file whose bytes come from the device, not from the page cache. A measurement is called
 * cold only if that is proved: (nearly) no pages were resident before (cachestat, or mincore), and
 * this process fetched as many bytes from devices (read_bytes of /proc/self/io) as it read. For
 * reads that bypass the page cache, the second condition suffices. Caches in the device, or in the
 * host of a virtual machine, cannot be detected.
 */
#ifndef DISK_COLD_H
#define DISK_COLD_H

#include "disk/process_io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number of the file's first `size` bytes that are in the page cache. *ret_how: a static
 * string. False: the kernel does not report it. */
bool cold_resident(int fd, uint64_t size, uint64_t *ret_bytes, const char **ret_how);

/* Write dirty pages of the file to the device, then drop its pages. 0 or -errno. */
int cold_drop(int fd);
/* Drop the clean pages of all files (drop_caches): root only. 0 or -errno. */
int cold_drop_all(void);

struct cold {
    bool direct; /* reads bypass the page cache */
    bool known;  /* `resident` is valid */
    uint64_t size, resident;
    const char *how;
    struct process_io io;
};

/* Call right before the reads. */
void cold_begin(struct cold *cold, int fd, uint64_t size, bool direct);

/* Call after `bytes` were read. Returns whether they are proved to come from the device; `text`,
 * one line, says how, or why not. */
bool cold_end(const struct cold *cold, uint64_t bytes, char *text, size_t size);

#endif
