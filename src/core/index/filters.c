#include "core/index/filters.h"

#include <stdlib.h>

void ikv_filters_free(struct ikv_filters *filters)
{
    free(filters->segments);
    free(filters->cells);
    *filters = (struct ikv_filters){0};
}

bool ikv_filters_may_contain(const struct ikv_filters *filters, uint64_t leaf, uint64_t hash)
{
    uint64_t low = 0; /* the last segment that starts at or before the leaf is in [low, high) */
    uint64_t high = filters->count;

    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (filters->segments[middle].first_leaf <= leaf)
            low = middle;
        else
            high = middle;
    }
    if (low >= filters->loaded)
        return true;
    const struct ikv_filter_segment *segment = &filters->segments[low];
    return ikv_filter_may_contain(segment, filters->cells + segment->offset, hash);
}
