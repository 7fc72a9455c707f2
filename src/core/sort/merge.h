/* Merging sorted runs of entries in a file, with a tree of losers. */
#ifndef IKV_MERGE_H
#define IKV_MERGE_H

#include <stddef.h>
#include <stdint.h>

struct ikv_sorted_run {
    uint64_t offset; /* in the file */
    uint64_t entries;
};

struct ikv_merge;

/* Merge `count` >= 1 runs of entries of `words` words. The read buffers share `memory` bytes. */
int ikv_merge_new(int fd, const struct ikv_sorted_run *runs, size_t count, uint32_t words,
                  uint64_t memory, struct ikv_merge **ret);
void ikv_merge_free(struct ikv_merge *merge); /* NULL is allowed */

/* The next entry in order, valid until the next call; NULL: the end, or an error in *ret_code. */
const uint64_t *ikv_merge_next(struct ikv_merge *merge, int *ret_code);

/* Number of runs to merge at once so that each has a reasonably large read buffer. */
size_t ikv_merge_ways(uint64_t memory);

#endif
