#include "core/fences/fences.h"

/* When overlapping cache misses is worth it: so many keys, so many fences apart on average. */
#define FAR_KEYS 32u
#define FAR      64u

const struct ikv_fences ikv_no_fences = {0};

static inline bool is_above(const uint64_t *fence, const uint64_t *key, uint32_t words)
{
    return words == 1 ? fence[0] > key[0] : ikv_words_compare(fence, key, words) > 0;
}

/* Inlined for keys of one word and of several. */
static inline __attribute__((always_inline)) uint64_t upper_bound(const struct ikv_fences *fences,
                                                                  uint32_t words,
                                                                  const uint64_t *key,
                                                                  uint64_t from)
{
    uint64_t low = from; /* all below it are <= key */
    uint64_t step = 1;

    while (low + step <= fences->count &&
           !is_above(fences->keys + (low + step - 1) * words, key, words)) {
        low += step;
        step *= 2;
    }
    /* All from low + left on are > key. No branch depends on a comparison of keys. */
    uint64_t left = ikv_min(step - 1, fences->count - low);
    while (left > 0) {
        const uint64_t half = (left + 1) / 2;
        low += is_above(fences->keys + (low + half - 1) * words, key, words) ? 0 : half;
        left -= half;
    }
    return low;
}

uint64_t ikv_fences_upper_bound(const struct ikv_fences *fences, const uint64_t *key, uint64_t from)
{
    return fences->words == 1 ? upper_bound(fences, 1, key, from)
                              : upper_bound(fences, fences->words, key, from);
}

/* Keys far apart are bisected step by step, all of them between `from` and `end`, so that their
 * cache misses overlap; others are near their predecessors. */
static inline __attribute__((always_inline)) void find_ranks(const struct ikv_fences *fences,
                                                             uint32_t words, const uint64_t *keys,
                                                             size_t stride, unsigned n,
                                                             uint64_t from, uint64_t *ranks)
{
    const uint64_t end =
        n < FAR_KEYS ? from : upper_bound(fences, words, keys + (n - 1) * stride, from);
    uint64_t left = end - from;

    if (left / n < FAR) {
        for (unsigned i = 0; i < n; i++)
            ranks[i] = from = upper_bound(fences, words, keys + i * stride, from);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        ranks[i] = from;
    while (left > 0) {
        const uint64_t half = (left + 1) / 2;
        for (unsigned i = 0; i < n; i++) {
            const uint64_t *fence = fences->keys + (ranks[i] + half - 1) * words;
            ranks[i] += is_above(fence, keys + i * stride, words) ? 0 : half;
        }
        left -= half;
    }
}

void ikv_fences_ranks(const struct ikv_fences *fences, const uint64_t *keys, size_t stride,
                      unsigned n, uint64_t from, uint64_t *ranks)
{
    if (n == 0)
        return;
    if (fences->words == 1)
        find_ranks(fences, 1, keys, stride, n, from, ranks);
    else
        find_ranks(fences, fences->words, keys, stride, n, from, ranks);
}

const uint64_t *ikv_fence_of_page(const struct ikv_fences *fences, uint64_t page)
{
    uint64_t low = 0;
    uint64_t high = fences->count;

    if (!fences->keys)
        return NULL;
    if (!fences->pages) {
        low = page / fences->step;
        return page % fences->step == 0 && low < high ? ikv_fence(fences, low) : NULL;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (fences->pages[middle] < page)
            low = middle + 1;
        else
            high = middle;
    }
    return low < fences->count && fences->pages[low] == page ? ikv_fence(fences, low) : NULL;
}
