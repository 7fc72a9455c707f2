/* Lanes descend and locate: from keys to pages, and guesses where in their pages they are. */
#ifndef IKV_LANE_ENTER_H
#define IKV_LANE_ENTER_H

#include "core/resident/lane.h"

/* Number of fences <= the key, given the number by the tree's word alone. False: unknown here. */
static inline bool lane_settle(const struct lanes *x, const struct lane *lane, uint64_t *rank)
{
    const struct ikv_fences *fences = &x->store->fences;
    uint64_t words[IKV_KEY_WORDS_MAX];

    ikv_key_load(x->key, lane->key, words);
    /* All fences agree in the words before the tree's; a key must, too. */
    if (ikv_words_compare(words, fences->keys, x->word) != 0)
        return false;
    for (unsigned steps = 0; *rank > 0 && steps < 4; steps++) {
        /* Later words matter where the tree's are equal. That is rare, and the fences themselves
         * are not in a near cache. */
        if (ikv_fence_tree_leaf(x->tree, *rank - 1) != lane->word ||
            ikv_words_compare(ikv_fence(fences, *rank - 1), words, x->key->words) <= 0)
            return true;
        --*rank;
    }
    return *rank == 0;
}

/* The entry that is near a word if keys are evenly distributed. */
INLINE uint32_t lane_interpolate(const struct lane *lane, uint64_t word, uint64_t low)
{
    const double guess = (double)(int64_t)((word - low) >> 1) * lane->scale;
    const double max = (double)(lane->count - 1);

    return (uint32_t)(guess < max ? guess : max);
}

/* The words at which a page and the next one begin. The last page is assumed to be as wide as the
 * one before it. */
INLINE void lane_bounds(const struct lanes *x, uint64_t page, uint64_t *low, uint64_t *high)
{
    const struct ikv_fence_tree *tree = x->tree;

    *low = ikv_fence_tree_leaf(tree, page);
    if (page + 1 < tree->count)
        *high = ikv_fence_tree_leaf(tree, page + 1);
    else
        *high = page > 0 ? *low + (*low - ikv_fence_tree_leaf(tree, page - 1)) : UINT64_MAX;
}

/* Place the window in a leaf of `count` entries. The first of them is the fence; the others are
 * assumed to be evenly distributed. */
INLINE void lane_place_in_leaf(const struct lanes *x, enum shape shape, struct lane *lane,
                               uint32_t count)
{
    const double begin = lane->scale * ((double)count - 2) - (WINDOW / 2.0 - 2);
    const double max = (double)count - WINDOW;
    const double at = begin < max ? begin : max;

    lane->count = count;
    lane->entries = lane->samples - (size_t)count * lane_stride(x, shape);
    lane->guess = at > 0 ? (uint32_t)at : 0;
    lane->at = lane->entries + (size_t)lane->guess * lane_stride(x, shape);
}

/* Guess where in its leaf a key is; if the number of entries is not known, the footer is next. */
INLINE void lane_guess_in_leaf(const struct lanes *x, enum shape shape, struct lane *lane)
{
    const struct ikv_geometry *index = &x->store->index;
    const uint64_t offset = ikv_leaf_offset(index, lane->page);
    uint64_t low;
    uint64_t high;

    if (IKV_UNLIKELY(!lane_is_resident(x, offset, index->leaf_size)))
        return;
    lane_bounds(x, lane->page, &low, &high);
    lane->state = LANE_SEARCHED;
    lane->scale =
        (double)(int64_t)((lane->word - low) >> 1) / (double)(int64_t)((high - low) >> 1 | 1);
    lane->samples = x->map->bytes + offset + index->leaf_size - IKV_LEAF_FOOTER_SIZE;
    const uint32_t count = ikv_leaf_counts_of(&x->store->leaf_counts, lane->page);
    if (IKV_LIKELY(count > 0))
        lane_place_in_leaf(x, shape, lane, count);
    else
        lane->at = lane->samples;
}

/* Guess where in its page a key is. */
INLINE void lane_guess(const struct lanes *x, enum shape shape, struct lane *lane)
{
    const struct ikv_geometry *index = &x->store->index;
    const uint64_t page = lane->page;
    const uint64_t first = ikv_page_first_entry(index, page);
    const uint64_t offset = index->index_start + first * lane_stride(x, shape);
    uint64_t low;
    uint64_t high;

    lane_bounds(x, page, &low, &high);
    lane->count = (uint32_t)(ikv_page_first_entry(index, page + 1) - first);
    lane->entries = x->map->bytes + offset;
    if (IKV_UNLIKELY(!lane_is_resident(x, offset, (uint64_t)lane->count * lane_stride(x, shape))))
        return;
    lane->state = LANE_SEARCHED;
    lane->scale = (double)lane->count / (double)(int64_t)((high - low) >> 1 | 1);
    lane->guess = lane_interpolate(lane, lane->word, low);
    lane->samples = ikv_samples_of(x->store->samples, page);
    lane->at = lane->samples ? lane->samples : lane->entries + lane->guess * lane_stride(x, shape);
}

/* The number to search for in the tree. A word of UINT64_MAX is left to the other search. */
INLINE uint64_t lane_number(const struct lane *lane)
{
    return lane->word - (lane->word == UINT64_MAX);
}

/* Set the first n lanes to the keys at `keys`, 1 <= n <= GROUP, and walk down the fence tree. In
 * between `page` is the number of a node. */
INLINE void lanes_descend(const struct lanes *x, enum shape shape, const unsigned char *keys,
                          unsigned n, struct lane *lanes)
{
    const struct ikv_fence_tree *tree = x->tree;
    const size_t width = x->key->width;

    uint64_t numbers[GROUP];
    uint64_t nodes[GROUP];

    for (unsigned i = 0; i < n; i++) {
        lanes[i].key = keys + i * width;
        lanes[i].word = lane_word(x, shape, lanes[i].key);
        numbers[i] = lane_number(&lanes[i]);
    }
    x->search->descend(tree, numbers, n, nodes);
    for (unsigned i = 0; i < n; i++) {
        lanes[i].page = nodes[i];
        IKV_PREFETCH(tree->nodes + tree->level_at[0] + nodes[i] * IKV_NODE_KEYS);
        if (IN_LEAVES(shape) && x->store->leaf_counts.each)
            IKV_PREFETCH(x->store->leaf_counts.each + nodes[i] * IKV_NODE_KEYS);
    }
}

/* Size of a window in bytes. */
INLINE size_t lane_window_size(const struct lanes *x, enum shape shape)
{
    return WINDOW * lane_stride(x, shape);
}

/* Prefetch the lines after the first. */
INLINE void lane_prefetch_rest(const unsigned char *at, size_t size)
{
    for (size_t line = 64; line < size; line += 64)
        IKV_PREFETCH(at + line);
    if (size % 64 != 1)
        IKV_PREFETCH(at + size - 1);
}

/* Find each lane's page in the lowest level of the fence tree. */
INLINE void lanes_locate(const struct lanes *x, enum shape shape, unsigned n, struct lane *lanes)
{
    uint64_t numbers[GROUP];
    uint64_t ranks[GROUP];

    for (unsigned i = 0; i < n; i++) {
        numbers[i] = lane_number(&lanes[i]);
        ranks[i] = lanes[i].page;
    }
    x->search->rank(x->tree, numbers, n, ranks);
    for (unsigned i = 0; i < n; i++) {
        struct lane *lane = &lanes[i];
        uint64_t rank = ranks[i];
        lane->state = LANE_PENDING;
        lane->at = x->map->bytes;
        lane->samples = NULL;
        lane->count = 0;
        if (IKV_UNLIKELY(lane->word == UINT64_MAX) ||
            (!lane_is_one_word(shape) && !lane_settle(x, lane, &rank)))
            continue;
        if (IKV_UNLIKELY(rank == 0)) {
            lane->state = x->match == IKV_CEILING ? LANE_PENDING : LANE_MISSING;
            continue;
        }
        lane->page = rank - 1;
        if (IN_LEAVES(shape))
            lane_guess_in_leaf(x, shape, lane);
        else
            lane_guess(x, shape, lane);
    }
    for (unsigned i = 0; i < n; i++)
        IKV_PREFETCH(lanes[i].at);
    for (unsigned i = 0; IN_LEAVES(shape) && i < n; i++)
        lane_prefetch_rest(lanes[i].at, lane_window_size(x, shape));
}

#endif
