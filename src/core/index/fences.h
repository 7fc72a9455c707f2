/* First keys of index pages, in memory: of every step-th page (as a trailer has them), or of any
 * pages that happen to be known (as learn.h collects them). Ascending, in keys and in pages. */
#ifndef IKV_FENCES_H
#define IKV_FENCES_H

#include "core/key/key.h"

struct ikv_fences {
    uint64_t *keys;  /* `words` words each; NULL: no fences */
    uint32_t *pages; /* whose first key fence i is; NULL: page i * step */
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

/* The page that begins with fence i. */
static inline uint64_t ikv_fence_page(const struct ikv_fences *fences, uint64_t i)
{
    return fences->pages ? fences->pages[i] : i * fences->step;
}

/* How many fences are <= key, given that at least `from` are. Gallops: keys come in order. */
uint64_t ikv_fences_not_above(const struct ikv_fences *fences, const uint64_t *key, uint64_t from);

/* The fence that a page begins with; NULL: it is not known. */
const uint64_t *ikv_fence_of_page(const struct ikv_fences *fences, uint64_t page);

#endif
