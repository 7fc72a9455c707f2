/* Fences in memory: the first keys of index pages. Either of every step-th page (from a trailer),
 * or of the pages known so far (from learn.h). In ascending order of keys and of pages. */
#ifndef IKV_FENCES_H
#define IKV_FENCES_H

#include "core/fences/fence_lines.h"
#include "core/key/key.h"

struct ikv_fences {
    uint64_t *keys;  /* `words` words each; NULL: no fences */
    uint32_t *pages; /* page of fence i; NULL: i * step */
    uint64_t count;
    uint64_t step;
    uint32_t words;
    const struct ikv_fence_lines *lines; /* rounded fences of all pages, instead of keys */
    bool is_in_tree; /* `keys` is the lowest level of a fence tree, which has the memory */
};

/* For searches that use no fences. */
extern const struct ikv_fences ikv_no_fences;

static inline const uint64_t *ikv_fence(const struct ikv_fences *fences, uint64_t i)
{
    return fences->keys + i * fences->words;
}

/* The page that starts with fence i. */
static inline uint64_t ikv_fence_page(const struct ikv_fences *fences, uint64_t i)
{
    return fences->pages ? fences->pages[i] : i * fences->step;
}

/* How many fences are <= key, given that at least `from` are. Gallops, since keys are searched in
 * ascending order. */
uint64_t ikv_fences_upper_bound(const struct ikv_fences *fences, const uint64_t *key,
                                uint64_t from);

/* The same for n ascending keys, whose words are `stride` apart. Cache misses overlap. */
void ikv_fences_ranks(const struct ikv_fences *fences, const uint64_t *keys, size_t stride,
                      unsigned n, uint64_t from, uint64_t *ranks);

/* Bytes of memory that the fences themselves own. */
static inline uint64_t ikv_fences_memory(const struct ikv_fences *fences)
{
    if (fences->lines)
        return ikv_fence_lines_memory(fences->count);
    return fences->is_in_tree ? 0 : fences->count * fences->words * sizeof(uint64_t);
}

/* The fence of a page; NULL: unknown. */
const uint64_t *ikv_fence_of_page(const struct ikv_fences *fences, uint64_t page);

#endif
