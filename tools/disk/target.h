/* A file or block device that is measured. It is never opened for writing. */
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
    uint32_t sector; /* offsets and sizes of reads must be multiples of it; cached: 1 */
};

/*
 * Open `path` for reading, with O_DIRECT or through the page cache. STATUS_DONE; or another, after
 * reporting what is wrong: not there, no permission, in use, not a file or a device, a file system
 * without O_DIRECT, smaller than `least` bytes.
 */
int disk_target_open(struct disk_target *target, const char *path, bool direct, uint64_t least);

/* A file that is open already: takes fd over. */
int disk_target_adopt(struct disk_target *target, int fd, const char *path, bool direct,
                      uint64_t least);

void disk_target_close(struct disk_target *target);

#endif
