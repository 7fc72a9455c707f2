/* A file or block device to measure. It is opened read-only. */
#ifndef DISK_TARGET_H
#define DISK_TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct disk_target {
    const char *path;
    int fd;
    bool device; /* a block device */
    bool direct; /* reads bypass the page cache */
    uint64_t size;
    uint32_t sector; /* alignment of read offsets and sizes; 1 unless direct */
};

/*
 * Open `path` for reading, with O_DIRECT or through the page cache. STATUS_DONE, or another status
 * after reporting the problem: it does not exist, is in use, is not a file or block device, is
 * smaller than `min_size`, permission denied, a file system without O_DIRECT.
 */
int disk_target_open(struct disk_target *target, const char *path, bool direct, uint64_t min_size);

/* The same for an open file; takes ownership of `fd`. */
int disk_target_adopt(struct disk_target *target, int fd, const char *path, bool direct,
                      uint64_t min_size);

void disk_target_close(struct disk_target *target);

#endif
