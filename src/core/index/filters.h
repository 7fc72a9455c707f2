/* Filters of absent keys in memory: of all segments of a clustered store, or of as many of the
 * first ones as fit. */
#ifndef IKV_FILTERS_H
#define IKV_FILTERS_H

#include "core/format/filter.h"

struct ikv_filters {
    struct ikv_filter_segment *segments; /* in order of leaves; NULL: none */
    uint64_t count;
    uint64_t loaded; /* number of segments whose cells are in memory */
    unsigned char *cells;
    uint64_t memory; /* bytes allocated */
};

void ikv_filters_free(struct ikv_filters *filters);

/* Whether a key with this ikv_filter_hash may be in a leaf; true if its segment is not loaded. */
bool ikv_filters_may_contain(const struct ikv_filters *filters, uint64_t leaf, uint64_t hash);

#endif
