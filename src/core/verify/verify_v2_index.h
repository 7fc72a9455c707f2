/* The v2 index of a clustered store follows from its leaves: every entry, padding included. */
#ifndef IKV_VERIFY_V2_INDEX_H
#define IKV_VERIFY_V2_INDEX_H

#include "core/io/reader.h"
#include "core/verify/verifier.h"

struct ikv_v2_walk {
    struct ikv_verifier *verifier;
    struct ikv_reader reader;
    bool is_stopped; /* there is no index, or some entries are not known */
};

int ikv_v2_walk_begin(struct ikv_v2_walk *walk, struct ikv_verifier *verifier);
void ikv_v2_walk_free(struct ikv_v2_walk *walk); /* one that is all zero is allowed */

/* The next entry is to have this key (stored form) and this position. */
int ikv_v2_walk_compare(struct ikv_v2_walk *walk, const unsigned char *key, uint64_t position);
/* What the next entries are is not known. */
static inline void ikv_v2_walk_stop(struct ikv_v2_walk *walk)
{
    walk->is_stopped = true;
}
/* No more entries are to come. */
int ikv_v2_walk_end(struct ikv_v2_walk *walk);

#endif
