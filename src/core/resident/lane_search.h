/* Lanes search a whole page: for keys that are not in their window. */
#ifndef IKV_LANE_SEARCH_H
#define IKV_LANE_SEARCH_H

#include "core/resident/lane_enter.h"

/* The first entry of [low, high) that is not below the key. */
static inline uint32_t lane_bisect(const struct lanes *x, const struct lane *lane,
                                   const uint64_t *words, uint32_t low, uint32_t high)
{
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (ikv_key_compare_stored(x->key, words, lane->entries + (size_t)middle * x->stride) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether the page has no such key: entry guess - 1 is below it, and entry guess above it. */
static inline bool lane_is_between(const struct lanes *x, const struct lane *lane)
{
    uint64_t words[IKV_KEY_WORDS_MAX];
    const uint32_t i = lane->guess;
    const unsigned char *entry = lane->entries + (size_t)i * x->stride;

    ikv_key_load(x->key, lane->key, words);
    return i <= lane->count &&
           (i == 0 || ikv_key_compare_stored(x->key, words, entry - x->stride) > 0) &&
           (i == lane->count || ikv_key_compare_stored(x->key, words, entry) < 0);
}

/* Narrow [low, high) down to entries around the key, from the window in steps that double: it is
 * seldom far. */
static inline void lane_gallop(const struct lanes *x, const struct lane *lane,
                               const uint64_t *words, uint32_t *low, uint32_t *high)
{
    const bool up = ikv_key_compare_stored(x->key, words, lane->at) > 0;
    uint32_t at = lane->guess;

    for (uint32_t step = WINDOW / 2; up ? lane->count - at > step : at >= step; step *= 2) {
        at = up ? at + step : at - step;
        const bool above =
            ikv_key_compare_stored(x->key, words, lane->entries + (size_t)at * x->stride) > 0;
        if (above)
            *low = at;
        else
            *high = at + 1;
        if (above != up)
            return;
    }
}

/* Search beyond the window, or among keys that agree in the tree's word. NULL: not in the page. */
static inline const unsigned char *lane_stray(const struct lanes *x, struct lane *lane)
{
    uint64_t words[IKV_KEY_WORDS_MAX];
    uint32_t low = 0;
    uint32_t high = lane->count;

    ikv_key_load(x->key, lane->key, words);
    if (lane->count >= WINDOW)
        lane_gallop(x, lane, words, &low, &high);
    lane->guess = lane_bisect(x, lane, words, low, high);
    const unsigned char *entry = lane->entries + (size_t)lane->guess * x->stride;
    return lane->guess < lane->count && memcmp(entry, lane->key, x->key->width) == 0 ? entry : NULL;
}

#endif
