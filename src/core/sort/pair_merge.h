/* Merging runs of pairs that lie in a file. A pair in a run: stored key, u32 size, then the value;
 * or, of a value above IKV_PAIR_VALUE_MAX, its u64 offset in another file. */
#ifndef IKV_PAIR_MERGE_H
#define IKV_PAIR_MERGE_H

#include "core/sort/pair_sorter.h"

struct ikv_pair_run {
    uint64_t begin; /* file offsets */
    uint64_t end;
};

/* Bytes of a pair before its value. */
static inline uint32_t ikv_pair_head_size(const struct ikv_key_info *key)
{
    return key->width + (uint32_t)sizeof(uint32_t);
}
/* Bytes of a pair in a run. */
static inline size_t ikv_pair_size(const struct ikv_key_info *key, uint32_t value_size)
{
    return ikv_pair_head_size(key) +
           (value_size > IKV_PAIR_VALUE_MAX ? sizeof(uint64_t) : value_size);
}
/* Take apart a pair of a run; `words` is where its key's words are put. Returns its size. */
size_t ikv_pair_decode(const struct ikv_key_info *key, const unsigned char *bytes, uint64_t *words,
                       struct ikv_sorted_pair *ret);
/* Write what comes before the value. */
void ikv_pair_encode_head(const struct ikv_key_info *key, const unsigned char *stored_key,
                          uint32_t size, unsigned char *out);

struct ikv_pair_merge;

/* Merge `count` >= 1 runs; read buffers share `memory` bytes. Equal keys come from the earlier run
 * first, or from the later. */
int ikv_pair_merge_new(int fd, const struct ikv_pair_run *runs, size_t count,
                       const struct ikv_key_info *key, uint64_t memory, bool later_first,
                       struct ikv_pair_merge **ret);
void ikv_pair_merge_free(struct ikv_pair_merge *merge); /* NULL is allowed */

/* As ikv_pair_sorter_next. *ret_bytes: the whole pair as it is in the run. */
int ikv_pair_merge_next(struct ikv_pair_merge *merge, struct ikv_sorted_pair *ret,
                        const unsigned char **ret_bytes);

/* Runs that may be merged at once so that each has a buffer for large reads. */
size_t ikv_pair_merge_ways(uint64_t memory);

#endif
