/* Merging sorted runs of pairs in a file. */
#ifndef IKV_PAIR_MERGE_H
#define IKV_PAIR_MERGE_H

#include "core/sort/pair.h"

struct ikv_pair_run {
    uint64_t begin; /* file offsets */
    uint64_t end;
};

struct ikv_pair_merge;

/* Merge `count` >= 1 runs. The read buffers share `memory` bytes. Of equal keys, the earlier run's
 * pair comes first, or with `later_first` the later run's. */
int ikv_pair_merge_new(int fd, const struct ikv_pair_run *runs, size_t count,
                       const struct ikv_key_info *key, uint64_t memory, bool later_first,
                       struct ikv_pair_merge **ret);
void ikv_pair_merge_free(struct ikv_pair_merge *merge); /* NULL is allowed */

/* As ikv_pair_sorter_next. *ret_bytes: the encoded pair. */
int ikv_pair_merge_next(struct ikv_pair_merge *merge, struct ikv_sorted_pair *ret,
                        const unsigned char **ret_bytes);

/* Number of runs to merge at once so that each has a buffer for large reads. */
size_t ikv_pair_merge_ways(uint64_t memory);

#endif
