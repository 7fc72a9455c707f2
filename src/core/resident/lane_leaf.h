/* Lanes aim and find in leaves. */
#ifndef IKV_LANE_LEAF_H
#define IKV_LANE_LEAF_H

#include "core/resident/lane_search.h"

/* Make the sketch of an intact leaf, whose entries begin at `entries`. */
static __attribute__((noinline)) void lane_sketch(const struct lanes *x, uint64_t number,
                                                  const unsigned char *entries, uint32_t count)
{
    const struct ikv_sketches *sketches = &x->store->sketches;
    struct ikv_sketch_maker maker;
    uint64_t low;
    uint64_t high;

    if (!sketches->leaves)
        return;
    lane_bounds(x, number, &low, &high);
    uint64_t last = low;
    ikv_sketch_begin(sketches, count, &maker);
    for (uint32_t i = 0; i < count; i++, entries += x->stride) {
        const uint64_t word = ikv_key_load_word(x->key, entries, x->word);
        /* Keys of the last leaf may differ in words before this one, which then need not ascend. */
        maker.has_sketch = maker.has_sketch && word >= last;
        ikv_sketch_add(&maker, lane_share(word, low, high));
        last = word;
    }
    ikv_sketch_publish(sketches, number, ikv_sketch_end(&maker));
}

/* Verify a leaf of the mapping, and then make its sketch. */
static bool lane_verify_leaf(const struct lanes *x, uint64_t number)
{
    const struct ikv_geometry *index = &x->store->index;
    struct ikv_page page;

    ikv_page_set(index, number, x->map->bytes + ikv_leaf_offset(index, number), NULL, &page);
    if (page.count == 0 || !ikv_page_matches_checksum(index, &page))
        return false;
    lane_sketch(x, number, page.entries, page.count);
    return true;
}

/* Find the entries of the lane's leaf by its footer. False: it is damaged. */
static inline bool lane_open_leaf(const struct lanes *x, struct lane *lane)
{
    const uint32_t leaf_size = x->store->index.leaf_size;
    struct ikv_leaf leaf;

    if (!ikv_leaf_decode(lane->samples + IKV_LEAF_FOOTER_SIZE - leaf_size, leaf_size, x->key,
                         &leaf))
        return false;
    lane->entries = leaf.entries;
    lane->count = leaf.count;
    return true;
}

/* Place the window in a leaf without a sketch. The first entry is the fence; the others are assumed
 * to be evenly distributed. */
static __attribute__((noinline)) void lane_aim_by_footer(const struct lanes *x, struct lane *lane)
{
    if (!lane_open_leaf(x, lane)) {
        lane->state = LANE_PENDING;
        return;
    }
    if (ikv_sketch_claim(&x->store->sketches, lane->page)) {
        for (size_t line = 0; line < (size_t)lane->count * x->stride; line += 64)
            IKV_PREFETCH(lane->entries + line);
        (void)lane_verify_leaf(x, lane->page);
    }
    const int64_t window = x->window;
    const int64_t max = (int64_t)lane->count - window;
    int64_t begin = ((int64_t)lane->share * ((int64_t)lane->count - 2) >> 32) - (window / 2 - 2);

    begin = begin < max ? begin : max;
    lane->guess = begin > 0 ? (uint32_t)begin : 0;
    lane->at = lane->entries + (size_t)lane->guess * x->stride;
}

INLINE void lanes_aim_in_leaves(const struct lanes *x, enum shape shape, unsigned n,
                                struct lane *lanes)
{
    for (unsigned i = 0; i < n; i++) {
        if (IKV_LIKELY(lanes[i].at != lanes[i].samples) || lanes[i].state != LANE_SEARCHED)
            continue;
        lane_aim_by_footer(x, &lanes[i]);
        IKV_PREFETCH(lanes[i].at);
        lane_prefetch_rest(lanes[i].at, lane_window_size(x, shape));
    }
}

/* Position of the record that an entry points to. 0, which is impossible, if it is outside the
 * leaf: such records are left to the search. */
INLINE uint64_t lane_position(const struct lanes *x, const struct lane *lane,
                              const unsigned char *entry)
{
    const uint32_t place = ikv_leaf_place(x->key, entry);
    const unsigned char *bytes = lane->samples + IKV_LEAF_FOOTER_SIZE - x->store->index.leaf_size;

    return place & IKV_PLACE_OUTSIDE ? 0 : (uint64_t)(bytes - x->map->bytes) + place;
}

/* How many entries of the window are below the key. */
INLINE unsigned lane_count_below(const struct lanes *x, enum shape shape, const struct lane *lane)
{
    const size_t stride = lane_stride(x, shape);
    unsigned below = 0;

#pragma GCC unroll 4
    for (unsigned i = 0; i < IKV_SKETCH_WINDOW_MIN; i++)
        below += lane_word(x, shape, lane->at + i * stride) < lane->word;
    if (x->window > IKV_SKETCH_WINDOW_MIN)
#pragma GCC unroll 4
        for (unsigned i = IKV_SKETCH_WINDOW_MIN; i < IKV_SKETCH_WINDOW_MAX; i++)
            below += lane_word(x, shape, lane->at + i * stride) < lane->word;
    return below;
}

/* A key that is not in its window, or has more than one word. Returns its entry or NULL. */
static __attribute__((noinline)) const unsigned char *lane_stray_in_leaf(const struct lanes *x,
                                                                         struct lane *lane)
{
    if (lane->count == 0) {
        const uint32_t from = lane->guess;
        if (!lane_open_leaf(x, lane)) {
            lane->state = LANE_PENDING;
            return NULL;
        }
        lane->guess = lane->count > from ? lane->count - from : 0;
        lane->at = lane->entries + (size_t)lane->guess * x->stride;
    }
    return lane_stray(x, lane);
}

/* What the window does not answer. */
static __attribute__((noinline)) void lane_search_leaf(const struct lanes *x, struct lane *lane)
{
    const unsigned char *entry = lane_stray_in_leaf(x, lane);

    if (entry) {
        lane->state = LANE_FOUND;
        lane->position = lane_position(x, lane, entry);
    } else if (lane->state == LANE_SEARCHED) {
        lane->state = ikv_map_is_verified(x->map, lane->page) ? LANE_MISSING : LANE_UNPROVEN;
    }
}

/* Sets the position to 0 if the key is not found. Without branches on whether it is: that may be
 * unpredictable. */
INLINE void lane_find_in_leaf(const struct lanes *x, enum shape shape, struct lane *lane)
{
    lane->position = 0;
    if (IKV_UNLIKELY(lane->state != LANE_SEARCHED))
        return;
    if (IKV_UNLIKELY(lane->count > 0 && lane->count < x->window)) {
        lane_search_leaf(x, lane);
        return;
    }
    const uint32_t below = lane_count_below(x, shape, lane);
    const uint32_t last = x->window - 1;
    const unsigned char *entry = lane->at + (below < last ? below : last) * lane_stride(x, shape);
    const bool same_word = lane_word(x, shape, entry) == lane->word;
    const bool found = same_word & lane_equal(x, shape, entry, lane->key);
    /* No other entry of the leaf can be the key. */
    const bool missing = !same_word & (lane->count == 0) & (lane->candidates <= x->window) &
                         ikv_map_is_verified(x->map, lane->page);
    if (IKV_UNLIKELY(!(found | missing))) {
        lane_search_leaf(x, lane);
        return;
    }
    const uint64_t position = lane_position(x, lane, entry);
    lane->state = found ? LANE_FOUND : LANE_MISSING;
    lane->position = found ? position : 0;
}

#endif
