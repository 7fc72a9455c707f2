/*
 * All fences of an index in half of the memory: rounded down, 15 in a cache line of 64 bytes.
 *
 *     line     u64 base, u32 delta[14]       fence 0 is at base, fence i at base + (delta[i-1] <<
 * shift)
 *
 * The shift, a byte beside each line, is the least with which the line's deltas fit: pages of
 * random keys are distinguished to 2^-28 of a page. A key in the same rounded place as a fence may
 * belong to the page before it; then a range of pages is given.
 *
 * As the fence tree, it holds one word of each fence: the first in which the first and the last
 * fence differ.
 */
#ifndef IKV_FENCE_LINES_H
#define IKV_FENCE_LINES_H

#include "core/key/key.h"

#define IKV_LINE_FENCES 15u

struct ikv_fence_line {
    uint64_t base;
    uint32_t delta[IKV_LINE_FENCES - 1];
};

struct ikv_fence_lines {
    struct ikv_fence_line *lines;
    uint8_t *shifts;
    uint64_t count; /* fences */
    uint32_t word;
    uint64_t
        first[IKV_KEY_WORDS_MAX]; /* the first fence: its words before `word` are all fences' */
    uint64_t filling[IKV_LINE_FENCES]; /* of the line at hand, while it is built */
};

/* Bytes for this many fences. */
uint64_t ikv_fence_lines_memory(uint64_t count);

/* For up to `count` fences between `first` and `last` (words). -ENOMEM. */
int ikv_fence_lines_new(struct ikv_fence_lines *lines, uint64_t count, const uint64_t *first,
                        const uint64_t *last, uint32_t words);
/* Add the next fence, in order. */
void ikv_fence_lines_add(struct ikv_fence_lines *lines, const uint64_t *fence);
/* All fences are added. */
void ikv_fence_lines_end(struct ikv_fence_lines *lines);
/* One that is all zero is allowed. */
void ikv_fence_lines_free(struct ikv_fence_lines *lines);

/* Fences that are certainly <= key, and that may be. */
struct ikv_fence_range {
    uint64_t at_least;
    uint64_t at_most;
};
/* `from`: at_least of a key that is not greater; 0: none. */
struct ikv_fence_range ikv_fence_lines_rank(const struct ikv_fence_lines *lines,
                                            const uint64_t *key, uint64_t from);

#endif
