/* Verifying the filter of absent keys of a clustered store: a key that it denies would be missing.
 */
#ifndef IKV_VERIFY_FILTER_H
#define IKV_VERIFY_FILTER_H

#include "core/format/filter.h"
#include "core/verify/verifier.h"

/* Goes through the segments with the leaves: the cells of one are in memory. */
struct ikv_filter_walk {
    struct ikv_verifier *verifier;
    const struct ikv_section *directory; /* NULL: there is no filter, or what follows is unknown */
    const struct ikv_section *section;   /* of the cells */
    uint64_t number;                     /* segments read, with the next one */
    bool has_next;
    struct ikv_filter_segment next;
    struct ikv_filter_segment segment; /* the current one; no blocks: every key may be present */
    uint64_t cells_end;                /* of the current segment, in the section of cells */
    unsigned char *cells;
};

int ikv_filter_walk_begin(struct ikv_filter_walk *walk, struct ikv_verifier *verifier);
void ikv_filter_walk_free(struct ikv_filter_walk *walk); /* an all-zero walk is allowed */

/* Check that a key (stored form) of this leaf, which is not before the last one, may be present.
 * `offset` is the leaf's. */
int ikv_filter_walk_check(struct ikv_filter_walk *walk, const unsigned char *key, uint64_t leaf,
                          uint64_t offset);
/* Check the rest. */
int ikv_filter_walk_end(struct ikv_filter_walk *walk);

#endif
