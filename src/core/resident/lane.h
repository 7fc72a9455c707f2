/*
 * Lookups in memory are pipelined. A *lane* holds one key; lanes form groups. A group takes one
 * step with all its lanes and prefetches the cache lines that its next step touches; while these
 * arrive, other groups take their steps (resident.c):
 *
 *     descend  the fence tree is walked down to the node above its lowest level     (lane_enter.h)
 *     locate   the lowest level gives the key's page; interpolation between the page's fence and
 *              the next one gives a guess of where in the page the key is           (lane_enter.h)
 *     aim      the guess is corrected: by the page's samples (samples.h), else by the entry that it
 *              points to. In a leaf it is right at once if the number of entries is known
 *              (leaf_counts.h), else the footer says it. Result: a window of entries (lane_find.h)
 *     find     the key's entry in the window, by counting; its record's position    (lane_find.h)
 *     take     the record: verified, copied                                         (resident.c)
 *
 * Each step issues the prefetches of a whole group in a row. With small pages almost every touch
 * misses the TLB, and processors overlap page walks only if they are issued within a few hundred
 * instructions.
 *
 * The code is written once for all shapes of keys: `shape` is a constant wherever a step is called,
 * so the compiler makes a version for each. Host byte order is the file's (see resident.c), so the
 * caller's keys and stored keys are the same bytes.
 */
#ifndef IKV_LANE_H
#define IKV_LANE_H

#include "core/fences/fence_tree.h"
#include "core/lookup/run.h"
#include "mmap/map.h"

#define GROUP  16u /* lanes; of 4 to 32 the fastest by a few percent */
#define WINDOW 8u  /* entries compared at once */

#define INLINE static inline __attribute__((always_inline))

enum shape {
    SHAPE_4 = 1, /* u32, i32 */
    SHAPE_8,     /* u64, i64 */
    SHAPE_16,    /* u128, i128 */
    SHAPE_TEXT,  /* byte strings that have all 8 bytes of the tree's word */
    SHAPE_ANY,
    SHAPE_KEYS = 7, /* mask of the above */
    SHAPE_LEAF = 8  /* flag: pages are leaves */
};

#define IN_LEAVES(shape) (((shape)&SHAPE_LEAF) != 0)

enum lane_state {
    LANE_SEARCHED, /* its page is known and resident */
    LANE_FOUND,    /* the entry that answers it is known */
    LANE_MISSING,  /* before the first fence, or not in its page, which was verified */
    LANE_UNPROVEN, /* not in its page, which must be verified */
    LANE_PENDING   /* can't be answered here */
};

struct lane {
    const unsigned char *key;    /* the caller's */
    const unsigned char *stored; /* found: the key of the entry, which is the same with IKV_EXACT */
    uint64_t word;               /* of the key, the one that the tree holds */
    uint64_t page;
    const unsigned char *entries; /* of the page */
    const unsigned char *at;      /* first entry of the window, or what is needed to aim */
    const unsigned char *samples; /* of the page, may be NULL; of a leaf: its footer */
    double scale;                 /* entries per number of words, times two; in a leaf: share of the
                                     entries that are before the key */
    uint64_t position;
    uint32_t count; /* entries of the page; 0: of a leaf, not known yet */
    uint32_t guess; /* number of the entry at `at`; of an absent key: of the first entry above it */
    enum lane_state state;
};

/* What all lanes share. */
struct lanes {
    struct ikv_run *run;
    const struct ikv_batch *batch;
    const struct ikv_store *store;
    const struct ikv_map *map;
    const struct ikv_fence_tree *tree;
    const struct ikv_tree_search *search;
    const struct ikv_key_info *key;
    uint64_t flip; /* sign bit of signed keys */
    uint32_t word; /* index of the word that the tree holds */
    uint32_t stride;
    uint32_t leaf_count; /* entries of a leaf, on average */
    uint32_t ahead;      /* bytes of a record to prefetch before its size is known */
    ikv_match match;
    bool in_place;
    bool is_all_resident; /* the whole file */
    uint64_t budget;      /* bytes of records that may still be copied */
    uint32_t found;       /* keys so far */
    uint32_t missing;
    uint32_t unproven;
};

INLINE bool lane_is_resident(const struct lanes *x, uint64_t offset, uint64_t size)
{
    return IKV_LIKELY(x->is_all_resident) || ikv_map_is_resident(x->map, offset, size);
}

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

/* Whether keys that agree in the tree's word are equal. */
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

/* Whether that word is the whole key. */
INLINE bool lane_is_one_word(enum shape shape)
{
    return (shape & SHAPE_KEYS) == SHAPE_4 || (shape & SHAPE_KEYS) == SHAPE_8;
}

#endif
