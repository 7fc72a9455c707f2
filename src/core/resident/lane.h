/*
 * The steps of looking keys up in memory. A *lane* is a key on its way. Lanes go in groups, and a
 * group makes one step for all its lanes; while the lines that the next step touches are on their
 * way, other groups make theirs (resident.c):
 *
 *     enter    the tree of fences gives each key its page; a guess where in the page the key is, by
 *              interpolation between the page's fence and the next
 *     aim      the guess is corrected by the page's samples (samples.h), or else by what is found
 *              where it points to: a window of 8 entries; in a leaf by the number of its entries,
 *              which its footer has
 *     find     the key's place among them, by counting; the position of its record
 *     take     the record: verified, copied (resident.c)
 *
 * Each step ends with the prefetches of the whole group, one right after another: where pages are
 * small, almost every touch has to look its page up first, and processors do several such walks at
 * a time if they are asked for within a few hundred instructions.
 *
 * All is written once, for all shapes of keys: `shape` is a constant wherever a step is called, so
 * the compiler makes a version of each. Host byte order is the file's here (see resident.c), so the
 * caller's keys and stored keys are the same bytes.
 */
#ifndef IKV_LANE_H
#define IKV_LANE_H

#include "core/index/fence_tree.h"
#include "core/lookup/run.h"
#include "mmap/map.h"

#define GROUP  8u /* lanes; of 8 to 64 the fastest, by a few per cent */
#define WINDOW 8u /* entries that are compared at once */

#define INLINE static inline __attribute__((always_inline))

enum shape {
    SHAPE_4,    /* u32, i32 */
    SHAPE_8,    /* u64, i64 */
    SHAPE_16,   /* u128, i128 */
    SHAPE_TEXT, /* byte strings with all 8 bytes of the word that the tree holds */
    SHAPE_ANY,
    SHAPE_KEYS = 7, /* mask of the above */
    SHAPE_LEAF = 8  /* with any of the above: pages are leaves */
};

/* Constant wherever a step is called. */
#define IN_LEAVES(shape) (((shape)&SHAPE_LEAF) != 0)

enum lane_state {
    LANE_SEARCHED, /* its page is known and believed resident */
    LANE_FOUND,    /* its entry is known */
    LANE_MISSING,  /* it is before the first fence, or not in its page, which is intact: proven */
    LANE_UNPROVEN, /* it is not in its page, if the page is intact */
    LANE_PENDING   /* not to be answered here */
};

struct lane {
    const unsigned char *key; /* the caller's */
    uint64_t word;            /* of the key, the one that the tree holds */
    uint64_t page;
    const unsigned char *entries; /* of the page */
    const unsigned char *at;      /* first entry of the window, or where to look for it */
    const unsigned char *samples; /* of the page; NULL: there are none; of a leaf: its footer */
    double scale;                 /* entries a number of words, times two; a leaf's: its part */
    uint64_t position;
    uint32_t count;       /* entries of the page */
    uint32_t records_end; /* of a leaf */
    uint32_t guess; /* number of the entry at `at`; of a key that is not there, where it would be */
    enum lane_state state;
};

/* What all lanes share. */
struct lanes {
    struct ikv_run *run;
    const struct ikv_batch *batch;
    const struct ikv_store *store;
    const struct ikv_map *map;
    const struct ikv_fence_tree *tree;
    const struct ikv_key_info *key;
    uint64_t flip; /* sign bit of signed keys */
    uint32_t word; /* of a key, that the tree holds */
    uint32_t stride;
    uint32_t leaf_count; /* entries of a leaf, on average */
    uint32_t ahead;      /* bytes of a record that are fetched before its size is known */
    bool in_place;
    bool all_there;  /* all of the file is believed resident */
    uint64_t budget; /* bytes of records that may still be copied */
    uint32_t found;  /* keys so far */
    uint32_t missing;
    uint32_t unproven;
};

INLINE bool lane_is_resident(const struct lanes *x, uint64_t offset, uint64_t size)
{
    return IKV_LIKELY(x->all_there) || ikv_map_is_resident(x->map, offset, size);
}

/* ---------------------------------------------------------------- keys */

INLINE uint64_t lane_word(const struct lanes *x, enum shape shape, const unsigned char *key)
{
    switch (shape & SHAPE_KEYS) {
    case SHAPE_4:
        return x->flip ? (uint64_t)(int32_t)ikv_load32(key) ^ x->flip : ikv_load32(key);
    case SHAPE_8:
        return ikv_load64(key) ^ x->flip;
    case SHAPE_16:
        return x->word == 0 ? ikv_load64(key + 8) ^ x->flip : ikv_load64(key);
    case SHAPE_TEXT:
        return ikv_load64_be(key + (size_t)8 * x->word);
    default:
        return ikv_key_load_word(x->key, key, x->word);
    }
}

/* Of an entry of the index. */
INLINE size_t lane_stride(const struct lanes *x, enum shape shape)
{
    const enum shape keys = shape & SHAPE_KEYS;

    if (IN_LEAVES(shape))
        return keys == SHAPE_4    ? 4 + IKV_PLACE_SIZE
               : keys == SHAPE_8  ? 8 + IKV_PLACE_SIZE
               : keys == SHAPE_16 ? 16 + IKV_PLACE_SIZE
                                  : x->stride;
    return keys == SHAPE_4 || keys == SHAPE_8 ? 16 : x->stride;
}

/* Whether keys whose words in the tree are the same are the same. */
INLINE bool lane_equal(const struct lanes *x, enum shape shape, const unsigned char *a,
                       const unsigned char *b)
{
    switch (shape & SHAPE_KEYS) {
    case SHAPE_4:
    case SHAPE_8:
        return true;
    case SHAPE_16:
        return ikv_load64(a) == ikv_load64(b) && ikv_load64(a + 8) == ikv_load64(b + 8);
    default:
        return memcmp(a, b, x->key->width) == 0;
    }
}

INLINE bool lane_is_one_word(enum shape shape)
{
    return (shape & SHAPE_KEYS) == SHAPE_4 || (shape & SHAPE_KEYS) == SHAPE_8;
}

/* ---------------------------------------------------------------- the page */

/* Fences that are <= the key, given how many are by the tree's word alone; false: not here. */
static inline bool lane_settle(const struct lanes *x, const struct lane *lane, uint64_t *rank)
{
    const struct ikv_fences *fences = &x->store->fences;
    uint64_t words[IKV_KEY_WORDS_MAX];

    ikv_key_load(x->key, lane->key, words);
    /* The tree says nothing of keys that differ from all fences in an earlier word. */
    if (ikv_words_compare(words, fences->keys, x->word) != 0)
        return false;
    for (unsigned steps = 0; *rank > 0 && steps < 4; steps++) {
        /* Later words count where the tree's are the same. That is rare, and fences as a whole lie
         * where they are not in a near cache. */
        if (ikv_fence_tree_leaf(x->tree, *rank - 1) != lane->word ||
            ikv_words_compare(ikv_fence(fences, *rank - 1), words, x->key->words) <= 0)
            return true;
        --*rank;
    }
    return *rank == 0;
}

/* The entry that a word is near if keys are even. */
INLINE uint32_t lane_interpolate(const struct lane *lane, uint64_t word, uint64_t low)
{
    const double guess = (double)(int64_t)((word - low) >> 1) * lane->scale;
    const double most = (double)(lane->count - 1);

    return (uint32_t)(guess < most ? guess : most);
}

/* The words at which a page begins and the next one; if there is none, as far away as the page
 * before, for want of better knowledge. */
INLINE void lane_bounds(const struct lanes *x, uint64_t page, uint64_t *low, uint64_t *high)
{
    const struct ikv_fence_tree *tree = x->tree;

    *low = ikv_fence_tree_leaf(tree, page);
    if (page + 1 < tree->count)
        *high = ikv_fence_tree_leaf(tree, page + 1);
    else
        *high = page > 0 ? *low + (*low - ikv_fence_tree_leaf(tree, page - 1)) : UINT64_MAX;
}

/* The leaf is known: what part of its entries is before the key? How many entries it has is in its
 * footer; meanwhile, the lines are fetched where the key is in a leaf of average size. */
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
    const double behind = (1 - lane->scale) * (double)x->leaf_count;
    lane->guess = behind > 0 ? (uint32_t)behind : 0;
    lane->at = lane->samples - lane->guess * lane_stride(x, shape);
}

/* The page is known: where in it? */
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

/* The first n of the lanes' keys, from `keys` on; 1 <= n <= GROUP. */
INLINE void lanes_enter(const struct lanes *x, enum shape shape, const unsigned char *keys,
                        unsigned n, struct lane *lanes)
{
    const struct ikv_fence_tree *tree = x->tree;
    const size_t width = x->key->width;
    uint64_t rank[GROUP] = {0};
    uint64_t words[GROUP];

    for (unsigned i = 0; i < n; i++)
        words[i] = lane_word(x, shape, keys + i * width);
    for (uint32_t level = tree->levels; level-- > 0;) {
        const uint64_t *nodes = tree->nodes + tree->level_at[level];
        const uint64_t children = level ? IKV_NODE_KEYS + 1 : IKV_NODE_KEYS;
        for (unsigned i = 0; i < n; i++) {
            /* Where a node's numbers end there are those that no key is above. */
            const uint64_t word = words[i] - (words[i] == UINT64_MAX);
            rank[i] = rank[i] * children + ikv_node_rank(nodes + rank[i] * IKV_NODE_KEYS, word);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        struct lane *lane = &lanes[i];
        lane->key = keys + i * width;
        lane->word = words[i];
        lane->state = LANE_PENDING;
        lane->at = x->map->bytes;
        lane->samples = NULL;
        lane->count = 0;
        if (IKV_UNLIKELY(words[i] == UINT64_MAX) ||
            (!lane_is_one_word(shape) && !lane_settle(x, lane, &rank[i])))
            continue;
        if (IKV_UNLIKELY(rank[i] == 0)) {
            lane->state = LANE_MISSING;
            continue;
        }
        lane->page = rank[i] - 1;
        if (IN_LEAVES(shape))
            lane_guess_in_leaf(x, shape, lane);
        else
            lane_guess(x, shape, lane);
    }
    for (unsigned i = 0; i < n; i++) {
        IKV_PREFETCH(lanes[i].at);
        if (IN_LEAVES(shape) && lanes[i].samples)
            IKV_PREFETCH(lanes[i].samples);
    }
}

/* ---------------------------------------------------------------- the entry */

/* Correct the guess by what is found there. */
INLINE uint32_t lane_correct(const struct lanes *x, enum shape shape, const struct lane *lane)
{
    const uint64_t found = lane_word(x, shape, lane->at);
    const double away = (double)((int64_t)(lane->word >> 1) - (int64_t)(found >> 1)) * lane->scale;
    const double most = (double)(lane->count - WINDOW);
    const uint32_t line = lane_stride(x, shape) == 16 ? 4 : lane_stride(x, shape) == 32 ? 2 : 1;
    double begin = (double)lane->guess + away - 0.5 * (double)(WINDOW - line - 1);

    begin = begin < most ? begin : most;
    begin = begin > 0 ? begin : 0;
    return (uint32_t)begin & ~(line - 1);
}

/* The leaf's footer is here: where does the window begin? */
INLINE void lane_aim_in_leaf(const struct lanes *x, enum shape shape, struct lane *lane)
{
    const struct ikv_geometry *index = &x->store->index;
    struct ikv_leaf leaf;

    if (IKV_UNLIKELY(lane->state != LANE_SEARCHED))
        return;
    const unsigned char *bytes = lane->samples + IKV_LEAF_FOOTER_SIZE - index->leaf_size;
    if (IKV_UNLIKELY(!ikv_leaf_decode(bytes, index->leaf_size, x->key, &leaf))) {
        lane->state = LANE_PENDING;
        return;
    }
    lane->count = leaf.count;
    lane->records_end = leaf.records_end;
    lane->entries = leaf.entries;
    lane->at = leaf.entries;
    lane->guess = 0;
    if (IKV_UNLIKELY(leaf.count < WINDOW))
        return;
    const double begin = lane->scale * (double)leaf.count - (double)(WINDOW / 2);
    const double most = (double)(leaf.count - WINDOW);
    lane->guess = begin <= 0 ? 0 : begin < most ? (uint32_t)begin : leaf.count - WINDOW;
    lane->at += lane->guess * lane_stride(x, shape);
}

/* Where the window begins. */
INLINE void lane_aim(const struct lanes *x, enum shape shape, struct lane *lane)
{
    if (IKV_UNLIKELY(lane->state != LANE_SEARCHED || lane->count < WINDOW))
        return;
    if (IKV_LIKELY(lane->samples != NULL)) {
        const uint32_t middle = ikv_samples_place(lane->samples, lane->count, lane->guess) / 2;
        const uint32_t begin = middle > WINDOW / 2 ? middle - WINDOW / 2 : 0;
        const uint32_t most = lane->count - WINDOW;
        lane->guess = begin < most ? begin : most;
    } else {
        lane->guess = lane_correct(x, shape, lane);
    }
    lane->at = lane->entries + lane->guess * lane_stride(x, shape);
}

/* A single key may as well fetch the lines around its guess, too. */
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
    const size_t size = WINDOW * lane_stride(x, shape);

    for (unsigned i = 0; i < n; i++) {
        if (IN_LEAVES(shape))
            lane_aim_in_leaf(x, shape, &lanes[i]);
        else
            lane_aim(x, shape, &lanes[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        for (size_t line = 0; line < size; line += 64)
            IKV_PREFETCH(lanes[i].at + line);
        if (IN_LEAVES(shape) || lane_stride(x, shape) != 16)
            IKV_PREFETCH(lanes[i].at + size - 1);
    }
}

/* By bisection: first entry of [low, high) of the page that is not below the key; `entries` may be
 * a copy. */
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

/* Whether its page has no such key: the entry before its place is below it, that at it is above. */
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

/* Entries between which the key is, from the window on in steps that double: it is seldom far. */
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

/* It is not in the window, or keys are alike in the word that the tree holds. */
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

/* It was looked for in a page that has none, and is large enough. */
INLINE bool lane_lacks_samples(const struct lane *lane)
{
    return !lane->samples && lane->count >= WINDOW &&
           (lane->state == LANE_FOUND || lane->state == LANE_MISSING ||
            lane->state == LANE_UNPROVEN);
}

/* A page without samples, that was come to before: make them. */
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

/* Of the record that an entry points to. One outside its leaf is left to the search; 0 is no
 * position. */
INLINE uint64_t lane_position(const struct lanes *x, enum shape shape, const struct lane *lane,
                              const unsigned char *entry)
{
    if (!IN_LEAVES(shape))
        return ikv_load64(entry + x->key->width);
    const uint32_t place = ikv_leaf_place(x->key, entry);
    const unsigned char *bytes = lane->samples + IKV_LEAF_FOOTER_SIZE - x->store->index.leaf_size;
    return place & IKV_PLACE_OUTSIDE ? 0 : (uint64_t)(bytes - x->map->bytes) + place;
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
        /* Between two entries of the window, if one word tells all, it is not in the page. */
        if (below > 0 && below < WINDOW && lane_is_one_word(shape)) {
            entry = NULL;
            lane->guess += below;
        } else {
            entry = lane_stray(x, lane);
        }
    }
    if (!entry)
        lane->state = ikv_map_is_verified(x->map, lane->page) ? LANE_MISSING : LANE_UNPROVEN;
    else
        lane->state = LANE_FOUND;
    if (entry)
        lane->position = lane_position(x, shape, lane, entry);
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
    /* Prefetching what is not there does no harm. */
    for (unsigned i = 0; i < n; i++)
        IKV_PREFETCH(records[i]);
    for (unsigned i = 0; i < n; i++) {
        for (uint32_t line = 64; line < x->ahead; line += 64)
            IKV_PREFETCH(records[i] + line);
        IKV_PREFETCH(records[i] + x->ahead - 1);
    }
}

#endif
