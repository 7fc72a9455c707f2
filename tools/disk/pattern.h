/* Sequences of offsets to read. The same seed gives the same sequence. */
#ifndef DISK_PATTERN_H
#define DISK_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

enum disk_order {
    DISK_RANDOM,     /* any block of the area */
    DISK_SEQUENTIAL, /* block by block, starting over at the end */
    DISK_BACKWARD,
    DISK_DISTANCE /* alternately a random block, and the block `distance` bytes away from it; only
                     the second read is measured */
};

struct disk_area {
    uint64_t start, length; /* bytes; at least one block; `start` is a multiple of the sector */
};

struct disk_pattern {
    enum disk_order order;
    struct disk_area area;
    uint32_t block;
    int64_t distance; /* of DISK_DISTANCE; its absolute value is at most area.length - block */
    uint64_t blocks, next;
    uint64_t state;
    bool second;    /* DISK_DISTANCE: the next read is the second of a pair */
    uint64_t first; /* DISK_DISTANCE: offset of the first */
};

/* For thread `share` of `shares`: sequential readers start at different offsets. */
void disk_pattern_init(struct disk_pattern *pattern, uint64_t seed, unsigned share,
                       unsigned shares);

/* The next offset. *ret_measured: whether the read is to be measured. */
uint64_t disk_pattern_next(struct disk_pattern *pattern, bool *ret_measured);

/* A random number (splitmix64). */
uint64_t disk_random(uint64_t *state);

#endif
