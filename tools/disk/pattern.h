/* Where reads go: sequences of offsets, the same for the same seed. */
#ifndef DISK_PATTERN_H
#define DISK_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

enum disk_order {
    DISK_RANDOM,     /* any block of the area */
    DISK_SEQUENTIAL, /* block by block; begins again at the end */
    DISK_BACKWARD,
    DISK_DISTANCE /* in turns: any block, and the one `distance` bytes from it, which alone counts
                   */
};

struct disk_area {
    uint64_t start, length; /* in bytes; at least one block; `start` is aligned as reads must be */
};

struct disk_pattern {
    enum disk_order order;
    struct disk_area area;
    uint32_t block;
    int64_t distance; /* of DISK_DISTANCE; its amount is at most area.length - block */
    uint64_t blocks, next;
    uint64_t state;
    bool second; /* of DISK_DISTANCE: the next read is the one that counts */
    uint64_t first;
};

/* `share` of `shares`: of threads that read sequentially each begins at a place of its own. */
void disk_pattern_init(struct disk_pattern *pattern, uint64_t seed, unsigned share,
                       unsigned shares);

/* The next offset. *ret_counts: whether the read is one that is measured. */
uint64_t disk_pattern_next(struct disk_pattern *pattern, bool *ret_counts);

/* A random number: splitmix64. */
uint64_t disk_random(uint64_t *state);

#endif
