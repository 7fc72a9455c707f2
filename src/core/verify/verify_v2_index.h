/* Verifying the v2 index of a clustered store: its entries are determined by the leaves. */
#ifndef IKV_VERIFY_V2_INDEX_H
#define IKV_VERIFY_V2_INDEX_H

#include "core/io/reader.h"
#include "core/verify/verifier.h"

struct ikv_v2_walk {
    struct ikv_verifier *verifier;
    struct ikv_reader reader;
    bool is_stopped; /* there is no index, or the next entry is unknown */
};

int ikv_v2_walk_begin(struct ikv_v2_walk *walk, struct ikv_verifier *verifier);
void ikv_v2_walk_free(struct ikv_v2_walk *walk); /* an all-zero walk is allowed */

/* Compare the next entry with this key (stored form) and position. */
int ikv_v2_walk_compare(struct ikv_v2_walk *walk, const unsigned char *key, uint64_t position);
/* Stop comparing: the next entry is unknown. */
static inline void ikv_v2_walk_stop(struct ikv_v2_walk *walk)
{
    walk->is_stopped = true;
}
/* Check that there are no more entries. */
int ikv_v2_walk_end(struct ikv_v2_walk *walk);

#endif
