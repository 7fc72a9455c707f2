#include "core/fences/fence_tree.h"

#include "core/base/bytes.h"
#include "core/base/huge.h"
#include "core/platform/platform.h"

#include <errno.h>

#define CHILDREN (IKV_NODE_KEYS + 1)

static uint64_t nodes_above(uint64_t nodes)
{
    return (nodes + CHILDREN - 1) / CHILDREN;
}

/* Number of nodes; also the number of levels and of nodes in each, unless NULL. */
static uint64_t count_nodes(uint64_t fences, uint32_t *ret_levels, uint64_t *level_nodes)
{
    uint64_t nodes = (fences + IKV_NODE_KEYS - 1) / IKV_NODE_KEYS;
    uint64_t total = 0;
    uint32_t level = 0;

    for (;; nodes = nodes_above(nodes)) {
        total += nodes;
        if (level_nodes)
            level_nodes[level] = nodes;
        level++;
        if (nodes <= 1)
            break;
    }
    if (ret_levels)
        *ret_levels = level;
    return total;
}

uint64_t ikv_fence_tree_memory(uint64_t count)
{
    return ikv_huge_size(count_nodes(count, NULL, NULL) * IKV_NODE_KEYS * sizeof(uint64_t));
}

static uint32_t choose_word(const struct ikv_fences *fences)
{
    const uint64_t *first = ikv_fence(fences, 0);
    const uint64_t *last = ikv_fence(fences, fences->count - 1);
    uint32_t word = 0;

    while (word + 1 < fences->words && first[word] == last[word])
        word++;
    return word;
}

/* Fill in the separators of a level: the first number in the leftmost leaf below each child. */
static void fill_level(struct ikv_fence_tree *tree, uint32_t level, uint64_t nodes, uint64_t span)
{
    uint64_t *to = tree->nodes + tree->level_at[level];

    for (uint64_t i = 0; i < nodes * IKV_NODE_KEYS; i++) {
        const uint64_t child = i / IKV_NODE_KEYS * CHILDREN + i % IKV_NODE_KEYS + 1;
        const uint64_t fence = child * span * IKV_NODE_KEYS;
        to[i] = fence < tree->count ? ikv_fence_tree_leaf(tree, fence) : UINT64_MAX;
    }
}

int ikv_fence_tree_build(struct ikv_fence_tree *tree, const struct ikv_fences *fences)
{
    uint64_t nodes[IKV_FENCE_LEVELS_MAX] = {0};
    struct ikv_fence_tree made = {.count = fences->count, .word = choose_word(fences)};
    const uint64_t total = count_nodes(fences->count, &made.levels, nodes);
    uint64_t at = 0;
    uint64_t span = 1; /* leaves below a child */

    made.memory = (size_t)ikv_fence_tree_memory(fences->count);
    made.nodes = ikv_huge_alloc((size_t)(total * IKV_NODE_KEYS * sizeof(uint64_t)));
    if (!made.nodes)
        return -ENOMEM;
    for (uint32_t level = 0; level < made.levels; level++) {
        made.level_at[level] = at;
        at += nodes[level] * IKV_NODE_KEYS;
    }
    for (uint64_t i = 0; i < nodes[0] * IKV_NODE_KEYS; i++)
        made.nodes[i] = i < fences->count ? ikv_fence(fences, i)[made.word] : UINT64_MAX;
    for (uint32_t level = 1; level < made.levels; level++) {
        fill_level(&made, level, nodes[level], span);
        span *= CHILDREN;
    }
    *tree = made;
    return 0;
}

void ikv_fence_tree_free(struct ikv_fence_tree *tree)
{
    ikv_huge_free(tree->nodes);
    *tree = (struct ikv_fence_tree){0};
}

/* ---------------------------------------------------------------- searching */

/* How many of a node's numbers are <= key. Branch-free, since branches would be unpredictable. */
static inline unsigned rank8(const uint64_t *node, uint64_t key)
{
    unsigned rank = 0;

    for (unsigned i = 0; i < IKV_NODE_KEYS; i++)
        rank += node[i] <= key;
    return rank;
}

/* The searches, compiled for a kind of processor. */
#define SEARCH(name, target, rank8)                                                                \
    static target /* NOLINT(bugprone-macro-parentheses) */ void descend_##name(                    \
        const struct ikv_fence_tree *tree, const uint64_t *numbers, unsigned n, uint64_t *nodes)   \
    {                                                                                              \
        for (unsigned i = 0; i < n; i++)                                                           \
            nodes[i] = 0;                                                                          \
        for (uint32_t level = tree->levels; level-- > 1;) {                                        \
            const uint64_t *at = tree->nodes + tree->level_at[level];                              \
            for (unsigned i = 0; i < n; i++)                                                       \
                nodes[i] = nodes[i] * CHILDREN + rank8(at + nodes[i] * IKV_NODE_KEYS, numbers[i]); \
        }                                                                                          \
    }                                                                                              \
    static target /* NOLINT(bugprone-macro-parentheses) */ void rank_##name(                       \
        const struct ikv_fence_tree *tree, const uint64_t *numbers, unsigned n, uint64_t *nodes)   \
    {                                                                                              \
        const uint64_t *at = tree->nodes + tree->level_at[0];                                      \
        for (unsigned i = 0; i < n; i++) {                                                         \
            nodes[i] *= IKV_NODE_KEYS;                                                             \
            nodes[i] += rank8(at + nodes[i], numbers[i]);                                          \
        }                                                                                          \
    }                                                                                              \
    static const struct ikv_tree_search name = {descend_##name, rank_##name};

SEARCH(plain, , rank8)
#if IKV_HAVE_AVX2
SEARCH(avx2, IKV_TARGET_AVX2, ikv_platform_rank8_avx2)
#endif

const struct ikv_tree_search *ikv_tree_search(void)
{
#if IKV_HAVE_AVX2
    if (ikv_platform_has_avx2())
        return &avx2;
#endif
    return &plain;
}
