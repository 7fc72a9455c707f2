/* First keys of index pages, in memory. */
#ifndef IKV_FENCES_H
#define IKV_FENCES_H

#include "key.h"

/* fence i is the first key of page i * step. */
struct ikv_fences {
    uint64_t *keys; /* `words` words each; NULL: no fences */
    uint64_t count;
    uint64_t step;
    uint32_t words;
};

/* For a search that is to use none. */
extern const struct ikv_fences ikv_no_fences;

static inline const uint64_t *ikv_fence(const struct ikv_fences *fences, uint64_t i)
{
    return fences->keys + i * fences->words;
}

/* How many fences are <= key, given that at least `from` are. Gallops: keys come in order. */
uint64_t ikv_fences_not_above(const struct ikv_fences *fences, const uint64_t *key, uint64_t from);

#endif
