#include "core/store/record_room.h"

/* How many extents start at or before a position. */
static uint64_t extents_upper_bound(const struct ikv_geometry *leaves, uint64_t position)
{
    uint64_t low = 0;
    uint64_t high = leaves->extent_count;

    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (leaves->extents[middle] <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct ikv_record_room inside(const struct ikv_geometry *leaves, uint64_t extent_start,
                                     uint64_t position)
{
    const uint64_t leaf = (position - extent_start) / leaves->leaf_size;

    return (struct ikv_record_room){extent_start + (leaf + 1) * leaves->leaf_size, true};
}

struct ikv_record_room ikv_record_room_clustered(const struct ikv_store *store, uint64_t position)
{
    const struct ikv_geometry *leaves = &store->index;

    if (!leaves->extents)
        return inside(leaves, 0, position);
    const uint64_t extent = extents_upper_bound(leaves, position);
    if (extent > 0) {
        const uint64_t first = (extent - 1) << leaves->extent_shift;
        const uint64_t count = ikv_min((uint64_t)1 << leaves->extent_shift, leaves->pages - first);
        const uint64_t start = leaves->extents[extent - 1];
        if (position - start < count * leaves->leaf_size)
            return inside(leaves, start, position);
    }
    return (struct ikv_record_room){
        extent < leaves->extent_count ? leaves->extents[extent] : store->records_end, false};
}

static bool extent_inside(const struct ikv_store *store, uint64_t position,
                          struct ikv_record_room room, const unsigned char *bytes, size_t have,
                          uint32_t field, struct ikv_record_extent *ret)
{
    const uint32_t leaf_size = store->index.leaf_size;
    const uint64_t to_end = room.end - position;
    struct ikv_leaf leaf = {.size = leaf_size};
    uint32_t size = 0;

    if (to_end > have || to_end < IKV_LEAF_FOOTER_SIZE)
        return false;
    leaf.records_end = ikv_leaf_footer_records_end(bytes + to_end - IKV_LEAF_FOOTER_SIZE);
    if (leaf.records_end > leaf_size - IKV_LEAF_FOOTER_SIZE ||
        !ikv_leaf_content(&leaf, (uint32_t)(leaf_size - to_end), field, &size))
        return false;
    *ret = (struct ikv_record_extent){size, false};
    return size >= store->surplus;
}

bool ikv_record_extent_clustered(const struct ikv_store *store, uint64_t position,
                                 struct ikv_record_room room, const unsigned char *bytes,
                                 size_t have, struct ikv_record_extent *ret)
{
    const uint32_t field = ikv_load32(bytes);
    const uint64_t left = room.end - position - IKV_RECORD_HEADER_SIZE;

    if (room.end - position < IKV_RECORD_HEADER_SIZE)
        return false;
    if (room.is_inside)
        return extent_inside(store, position, room, bytes, have, field, ret);
    if (field >= left) {
        *ret = (struct ikv_record_extent){left, true};
        return left >= store->surplus + IKV_OUTSIDE_TAIL_SIZE && left <= UINT32_MAX;
    }
    *ret = (struct ikv_record_extent){field, false};
    return field >= store->surplus && field <= store->record_size_max;
}

bool ikv_record_content_padded(const struct ikv_store *store,
                               const struct ikv_record_extent *extent, const unsigned char *record,
                               uint32_t *ret_size)
{
    *ret_size = ikv_load32(record + extent->size - IKV_OUTSIDE_TAIL_SIZE);
    return *ret_size >= store->surplus && *ret_size <= store->record_size_max &&
           *ret_size <= extent->size - IKV_OUTSIDE_TAIL_SIZE;
}
