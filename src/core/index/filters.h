/* Filters of absent keys in memory: of all segments of a clustered store, or of the first ones, as
 * far as memory went. */
#ifndef IKV_FILTERS_H
#define IKV_FILTERS_H

#include "core/format/filter.h"

struct ikv_filters {
    struct ikv_filter_segment *segments; /* in order of leaves; NULL: there are none */
    uint64_t count;
    uint64_t loaded; /* segments whose cells are in memory; others say nothing */
    unsigned char *cells;
    uint64_t memory; /* bytes of all this */
};

void ikv_filters_free(struct ikv_filters *filters);

/* Whether the key with this hash (ikv_filter_hash) may be in a leaf; true if nothing is known. */
bool ikv_filters_may_contain(const struct ikv_filters *filters, uint64_t leaf, uint64_t hash);

#endif
