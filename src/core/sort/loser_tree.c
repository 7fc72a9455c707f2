#include "core/sort/loser_tree.h"

#include "core/key/key.h"

#include <errno.h>
#include <stdlib.h>

int ikv_loser_tree_init(struct ikv_loser_tree *tree, size_t ways, uint32_t words, bool later_first)
{
    *tree = (struct ikv_loser_tree){.ways = ways, .words = words, .later_first = later_first};
    tree->head = calloc(ways, sizeof *tree->head);
    tree->loser = calloc(ways, sizeof *tree->loser);
    if (tree->head && tree->loser)
        return 0;
    ikv_loser_tree_free(tree);
    return -ENOMEM;
}

void ikv_loser_tree_free(struct ikv_loser_tree *tree)
{
    free(tree->head);
    free(tree->loser);
    *tree = (struct ikv_loser_tree){0};
}

static inline bool precedes(const struct ikv_loser_tree *tree, size_t a, size_t b)
{
    const uint64_t *head_a = tree->head[a];
    const uint64_t *head_b = tree->head[b];

    if (!head_a || !head_b)
        return head_a != NULL || (!head_b && a < b);
    const int order = ikv_words_compare(head_a, head_b, tree->words);
    if (order != 0)
        return order < 0;
    return tree->later_first ? a > b : a < b;
}

/* Winner of the subtree at `node`; sets the losers in it. The recursion depth is log2(ways). */
static size_t play(struct ikv_loser_tree *tree, size_t node)
{
    if (node >= tree->ways)
        return node - tree->ways;
    const size_t left = play(tree, 2 * node);
    const size_t right = play(tree, 2 * node + 1);
    const bool left_wins = precedes(tree, left, right);
    tree->loser[node] = left_wins ? right : left;
    return left_wins ? left : right;
}

void ikv_loser_tree_play(struct ikv_loser_tree *tree)
{
    tree->winner = tree->ways == 1 ? 0 : play(tree, 1);
}

void ikv_loser_tree_replay(struct ikv_loser_tree *tree)
{
    size_t winner = tree->winner;

    for (size_t node = (winner + tree->ways) / 2; node > 0; node /= 2) {
        const size_t other = tree->loser[node];
        if (precedes(tree, other, winner)) {
            tree->loser[node] = winner;
            winner = other;
        }
    }
    tree->winner = winner;
}
