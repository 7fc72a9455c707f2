/* Lanes aim and find: from guesses to windows, and to the entries of the keys. */
#ifndef IKV_LANE_FIND_H
#define IKV_LANE_FIND_H

#include "core/resident/lane_enter.h"

/* Where the window begins: the guess, corrected by the entry found there. */
INLINE uint32_t lane_correct(const struct lanes *x, enum shape shape, const struct lane *lane)
{
    const uint64_t found = lane_word(x, shape, lane->at);
    const double away = (double)((int64_t)(lane->word >> 1) - (int64_t)(found >> 1)) * lane->scale;
    const double max = (double)(lane->count - WINDOW);
    const uint32_t line = lane_stride(x, shape) == 16 ? 4 : lane_stride(x, shape) == 32 ? 2 : 1;
    double begin = (double)lane->guess + away - 0.5 * (double)(WINDOW - line - 1);

    begin = begin < max ? begin : max;
    begin = begin > 0 ? begin : 0;
    return (uint32_t)begin & ~(line - 1);
}

/* The number of entries of a leaf, from its footer, which has been prefetched. */
static __attribute__((noinline)) uint32_t lane_count_leaf(const struct lanes *x,
                                                          const struct lane *lane)
{
    const uint32_t leaf_size = x->store->index.leaf_size;
    struct ikv_leaf leaf;

    if (!ikv_leaf_decode(lane->samples + IKV_LEAF_FOOTER_SIZE - leaf_size, leaf_size, x->key,
                         &leaf))
        return 0;
    ikv_leaf_counts_note(&x->store->leaf_counts, lane->page, leaf.count);
    return leaf.count;
}

/* Place the window in a leaf whose number of entries was not known. */
INLINE void lane_aim_in_leaf(const struct lanes *x, enum shape shape, struct lane *lane)
{
    if (IKV_LIKELY(lane->count > 0) || lane->state != LANE_SEARCHED)
        return;
    const uint32_t count = lane_count_leaf(x, lane);
    if (IKV_UNLIKELY(count == 0)) {
        lane->state = LANE_PENDING;
        return;
    }
    lane_place_in_leaf(x, shape, lane, count);
    IKV_PREFETCH(lane->at);
    lane_prefetch_rest(lane->at, lane_window_size(x, shape));
}

/* Place the window in a page. */
INLINE void lane_aim(const struct lanes *x, enum shape shape, struct lane *lane)
{
    if (IKV_UNLIKELY(lane->state != LANE_SEARCHED || lane->count < WINDOW))
        return;
    if (IKV_LIKELY(lane->samples != NULL)) {
        const uint32_t middle = ikv_samples_place(lane->samples, lane->count, lane->guess) / 2;
        const uint32_t begin = middle > WINDOW / 2 ? middle - WINDOW / 2 : 0;
        const uint32_t max = lane->count - WINDOW;
        lane->guess = begin < max ? begin : max;
    } else {
        lane->guess = lane_correct(x, shape, lane);
    }
    lane->at = lane->entries + lane->guess * lane_stride(x, shape);
}

/* Prefetch the lines around the guess, for a single key, which has nothing else to do. */
INLINE void lane_fetch_around(const struct lanes *x, const struct lane *lane)
{
    if (lane->state != LANE_SEARCHED)
        return;
    const unsigned char *guess = lane->entries + (size_t)lane->guess * x->stride;
    for (ptrdiff_t line = -2; line <= 2; line++)
        IKV_PREFETCH(guess + line * 64);
}

INLINE void lanes_aim(const struct lanes *x, enum shape shape, unsigned n, struct lane *lanes)
{
    const size_t size = lane_window_size(x, shape);

    if (IN_LEAVES(shape)) {
        for (unsigned i = 0; i < n; i++)
            lane_aim_in_leaf(x, shape, &lanes[i]);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        lane_aim(x, shape, &lanes[i]);
    for (unsigned i = 0; i < n; i++) {
        for (size_t line = 0; line < size; line += 64)
            IKV_PREFETCH(lanes[i].at + line);
        if (lane_stride(x, shape) != 16)
            IKV_PREFETCH(lanes[i].at + size - 1);
    }
}

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

/* Whether the key was searched in a page that has no samples and is large enough for them. */
INLINE bool lane_lacks_samples(const struct lane *lane)
{
    return !lane->samples && lane->count >= WINDOW &&
           (lane->state == LANE_FOUND || lane->state == LANE_MISSING ||
            lane->state == LANE_UNPROVEN);
}

/* Make samples for a page if it was visited before. */
static __attribute__((noinline)) void lane_sample(const struct lanes *x, const struct lane *lane)
{
    unsigned char *samples = ikv_samples_claim(x->store->samples, lane->page);
    const uint32_t step = IKV_SAMPLES_STEP(lane->count);
    const uint64_t low = ikv_fence_tree_leaf(x->tree, lane->page);

    if (!samples)
        return;
    for (uint32_t i = 0; i < lane->count; i += step)
        IKV_PREFETCH(lane->entries + (size_t)i * x->stride);
    memset(samples, UINT8_MAX, IKV_SAMPLES);
    for (uint32_t i = 0; i < lane->count; i += step) {
        const uint64_t word =
            ikv_key_load_word(x->key, lane->entries + (size_t)i * x->stride, x->word);
        samples[i / step] = (unsigned char)lane_interpolate(lane, word, low);
    }
    ikv_samples_publish(x->store->samples, lane->page);
}

/* Position of the record that an entry points to. 0, which is impossible, if it is outside the
 * leaf: such records are left to the search. */
INLINE uint64_t lane_position(const struct lanes *x, enum shape shape, const struct lane *lane,
                              const unsigned char *entry)
{
    if (!IN_LEAVES(shape))
        return ikv_load64(entry + x->key->width);
    const uint32_t place = ikv_leaf_place(x->key, entry);
    const unsigned char *bytes = lane->samples + IKV_LEAF_FOOTER_SIZE - x->store->index.leaf_size;
    return place & IKV_PLACE_OUTSIDE ? 0 : (uint64_t)(bytes - x->map->bytes) + place;
}

/* `stored`: the entry's key, at the place that is more likely in the cache. */
INLINE void lane_set_found(const struct lanes *x, enum shape shape, struct lane *lane,
                           const unsigned char *entry, const unsigned char *stored)
{
    lane->state = LANE_FOUND;
    lane->stored = stored;
    lane->position = lane_position(x, shape, lane, entry);
}

/* The key is above its page: its ceiling is the first entry of the next one, which is the fence. */
static __attribute__((noinline)) void lane_set_above(const struct lanes *x, enum shape shape,
                                                     struct lane *lane)
{
    const struct ikv_geometry *index = &x->store->index;
    const uint64_t number = lane->page + 1;
    struct ikv_page next;

    if (number == index->pages) {
        lane->state = LANE_MISSING;
        return;
    }
    lane->state = LANE_PENDING;
    const uint64_t offset =
        IN_LEAVES(shape) ? ikv_leaf_offset(index, number)
                         : index->index_start + ikv_page_first_entry(index, number) * x->stride;
    const uint64_t size = IN_LEAVES(shape) ? index->leaf_size : x->stride;
    if (!lane_is_resident(x, offset, size))
        return;
    const unsigned char *bytes = x->map->bytes + offset;
    ikv_page_set(index, number, bytes, NULL, &next);
    if (next.count == 0 ||
        ikv_key_compare_stored(x->key, ikv_fence(&x->store->fences, number), next.entries) != 0)
        return;
    if (IN_LEAVES(shape))
        lane->samples = bytes + size - IKV_LEAF_FOOTER_SIZE;
    lane_set_found(x, shape, lane, next.entries, next.entries);
}

/* The key is not in its page, which was verified: unless it must match, the entry before or after
 * it is the answer. */
INLINE void lane_set_absent(const struct lanes *x, enum shape shape, struct lane *lane)
{
    const bool above = x->match == IKV_CEILING;
    const uint32_t number = above ? lane->guess : lane->guess - 1;
    const unsigned char *entry = lane->entries + (size_t)number * lane_stride(x, shape);

    if (x->match == IKV_EXACT)
        lane->state = LANE_MISSING;
    else if (number < lane->count)
        lane_set_found(x, shape, lane, entry, entry);
    else if (above)
        lane_set_above(x, shape, lane);
    else
        lane->state = LANE_PENDING;
}

INLINE void lane_find(const struct lanes *x, enum shape shape, struct lane *lane)
{
    const size_t stride = lane_stride(x, shape);
    const unsigned char *entry = lane->at;
    unsigned below = WINDOW;

    if (IKV_UNLIKELY(lane->state != LANE_SEARCHED))
        return;
    if (IKV_LIKELY(lane->count >= WINDOW)) {
        below = 0;
#pragma GCC unroll 8
        for (unsigned i = 0; i < WINDOW; i++)
            below += lane_word(x, shape, entry + i * stride) < lane->word;
        entry += below * stride;
    }
    if (IKV_UNLIKELY(below == WINDOW || lane_word(x, shape, entry) != lane->word ||
                     !lane_equal(x, shape, entry, lane->key))) {
        /* A key of one word that is between two entries of the window is not in the page. */
        if (below > 0 && below < WINDOW && lane_is_one_word(shape)) {
            entry = NULL;
            lane->guess += below;
        } else {
            entry = lane_stray(x, lane);
        }
    }
    if (entry)
        lane_set_found(x, shape, lane, entry, lane->key);
    else if (ikv_map_is_verified(x->map, lane->page))
        lane_set_absent(x, shape, lane);
    else
        lane->state = LANE_UNPROVEN;
}

INLINE void lanes_find(const struct lanes *x, enum shape shape, unsigned n, struct lane *lanes)
{
    const unsigned char *records[GROUP];

    for (unsigned i = 0; i < n; i++) {
        lane_find(x, shape, &lanes[i]);
        if (!IN_LEAVES(shape) && IKV_UNLIKELY(lane_lacks_samples(&lanes[i])))
            lane_sample(x, &lanes[i]);
        records[i] = x->map->bytes;
        if (lanes[i].state != LANE_FOUND)
            continue;
        if (IKV_LIKELY(ikv_position_possible(x->store, lanes[i].position)))
            records[i] += lanes[i].position;
        else
            lanes[i].state = LANE_PENDING;
    }
    /* Prefetching unneeded lines does no harm. */
    for (unsigned i = 0; i < n; i++)
        IKV_PREFETCH(records[i]);
    for (unsigned i = 0; i < n; i++) {
        for (uint32_t line = 64; line < x->ahead; line += 64)
            IKV_PREFETCH(records[i] + line);
        IKV_PREFETCH(records[i] + x->ahead - 1);
    }
}

#endif
