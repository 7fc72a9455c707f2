/*
 * A second copy of all fences, laid out for searching in memory: a static B+-tree without pointers
 * whose nodes are one cache line, 8 numbers. The leaves are the fences in order. (The layout is the
 * S+-tree of S. Slotin, "Static B-Trees", Algorithms for Modern Hardware, 2022.)
 *
 *     root    [ s1 s2 ... s8 ]             s(j): first number of subtree j, j from 1
 *     ...     9 children each
 *     leaves  [ f0 .. f7 ] [ f8 .. f15 ] ...
 *
 * It holds one word of each fence: the first one in which the first and the last fence differ. The
 * words before it are the same in all fences; callers compare those after it separately.
 */
#ifndef IKV_FENCE_TREE_H
#define IKV_FENCE_TREE_H

#include "core/fences/fences.h"

#include <stdbool.h>

#define IKV_NODE_KEYS        8
#define IKV_FENCE_LEVELS_MAX 24

struct ikv_fence_tree {
    uint64_t *nodes; /* level by level, the leaves first */
    uint64_t count;  /* fences */
    uint32_t word;   /* index of the word in the fences */
    uint32_t levels;
    uint64_t level_at[IKV_FENCE_LEVELS_MAX]; /* index in `nodes` of each level */
    size_t memory;                           /* bytes */
};

/* Size in bytes of a tree of `count` fences. */
uint64_t ikv_fence_tree_memory(uint64_t count);

/* Build the tree. The fences are those of all pages (step 1). -ENOMEM. */
int ikv_fence_tree_build(struct ikv_fence_tree *tree, const struct ikv_fences *fences);
void ikv_fence_tree_free(struct ikv_fence_tree *tree);

/* Searches for n numbers at once, whose cache misses overlap. No number is UINT64_MAX, with which
 * nodes are filled up. */
struct ikv_tree_search {
    /* From the root to the lowest level: sets nodes[i] to the number of the node in it. */
    void (*descend)(const struct ikv_fence_tree *tree, const uint64_t *numbers, unsigned n,
                    uint64_t *nodes);
    /* Replaces these by how many fences are <= the number. */
    void (*rank)(const struct ikv_fence_tree *tree, const uint64_t *numbers, unsigned n,
                 uint64_t *nodes);
};
/* The fastest for this processor. */
const struct ikv_tree_search *ikv_tree_search(void);

/* The word of fence i. */
static inline uint64_t ikv_fence_tree_leaf(const struct ikv_fence_tree *tree, uint64_t i)
{
    return tree->nodes[tree->level_at[0] + i];
}

#endif
