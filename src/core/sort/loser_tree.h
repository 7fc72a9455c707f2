/*
 * A tree of losers over the heads of several sorted sequences (Knuth, The Art of Computer
 * Programming, vol. 3, section 5.4.1). It compares heads as 64-bit words; the owner of the
 * sequences advances them.
 */
#ifndef IKV_LOSER_TREE_H
#define IKV_LOSER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ikv_loser_tree {
    size_t ways;
    uint32_t words;        /* of each head */
    bool later_first;      /* of equal heads the later way wins, otherwise the earlier one */
    const uint64_t **head; /* one per way, set by the owner; NULL: end of the sequence */
    size_t *loser;         /* loser[1..ways-1]: inner nodes of the tree; its leaves are the ways */
    size_t winner;         /* the way whose head comes first */
};

/* For `ways` >= 1 sequences. -ENOMEM. */
int ikv_loser_tree_init(struct ikv_loser_tree *tree, size_t ways, uint32_t words, bool later_first);
void ikv_loser_tree_free(struct ikv_loser_tree *tree); /* an all-zero tree is allowed */

/* All heads are set: find the first winner. */
void ikv_loser_tree_play(struct ikv_loser_tree *tree);
/* The winner's head has changed: find the next winner. */
void ikv_loser_tree_replay(struct ikv_loser_tree *tree);

#endif
