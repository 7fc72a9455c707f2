/*
 * Cold: a file whose bytes come from the device, not from the page cache. Nothing is called cold
 * unless that is proved: few or no pages resident before (cachestat, or mincore), and as many bytes
 * fetched from devices by this process (read_bytes of /proc/self/io) as were read. Reads that
 * bypass the page cache are proved by the second alone. What the device itself, or the host of a
 * virtual machine, keeps in memory nobody can tell.
 */
#ifndef DISK_COLD_H
#define DISK_COLD_H

#include "disk/process_io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the file's first `size` that are in the page cache. *ret_how: static storage. False: the
 * kernel does not tell. */
bool cold_resident(int fd, uint64_t size, uint64_t *ret_bytes, const char **ret_how);

/* Drop the file's pages; written ones first go to the device. 0 or -errno. */
int cold_drop(int fd);
/* Drop all clean pages of the machine (drop_caches): root only. 0 or -errno. */
int cold_drop_all(void);

struct cold {
    bool direct; /* reads bypass the page cache */
    bool known;  /* what is resident */
    uint64_t size, resident;
    const char *how;
    struct process_io io;
};

/* Right before the reads. */
void cold_begin(struct cold *cold, int fd, uint64_t size, bool direct);

/* After `bytes` were read: whether they were proved to come from the device, and in `text` (a line)
 * how, or why it is not proved. */
bool cold_end(const struct cold *cold, uint64_t bytes, char *text, size_t size);

#endif
