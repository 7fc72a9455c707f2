/* How far a record extends, and how much of it is content. That depends on the layout. */
#ifndef IKV_RECORD_ROOM_H
#define IKV_RECORD_ROOM_H

#include "core/format/leaf.h"
#include "core/store/store.h"

struct ikv_record_room {
    uint64_t end;   /* file offset; the record ends there or before */
    bool is_inside; /* in a leaf, which ends there */
};

/* What to read of a record to get its content. */
struct ikv_record_extent {
    uint64_t size; /* bytes after the size field */
    /* The last record before an extent: its size field includes the padding. The size of the
     * content is in the last IKV_OUTSIDE_TAIL_SIZE bytes of what is read. */
    bool is_padded;
};

struct ikv_record_room ikv_record_room_clustered(const struct ikv_store *store, uint64_t position);
bool ikv_record_extent_clustered(const struct ikv_store *store, uint64_t position,
                                 struct ikv_record_room room, const unsigned char *bytes,
                                 size_t have, struct ikv_record_extent *ret);
bool ikv_record_content_padded(const struct ikv_store *store,
                               const struct ikv_record_extent *extent, const unsigned char *record,
                               uint32_t *ret_size);

/* The following are called for every record. The short answers of stores without leaves are inline:
 * as calls they cost 5 % of a lookup that reads with pread. */

/* The room of a record at a possible position, see ikv_position_possible. */
static inline struct ikv_record_room ikv_record_room(const struct ikv_store *store,
                                                     uint64_t position)
{
    if (store->is_clustered)
        return ikv_record_room_clustered(store, position);
    return (struct ikv_record_room){store->records_end, false};
}

/*
 * Sizes of a record at a possible position, given `have` bytes of the file from there on: at least
 * the size field, and for a record in a leaf all bytes up to the end of the leaf. False: impossible
 * sizes. For a record in a leaf, *ret is exact.
 */
static inline bool ikv_record_extent(const struct ikv_store *store, uint64_t position,
                                     struct ikv_record_room room, const unsigned char *bytes,
                                     size_t have, struct ikv_record_extent *ret)
{
    const uint64_t left = room.end - position;
    const uint32_t field = ikv_load32(bytes);

    if (store->is_clustered)
        return ikv_record_extent_clustered(store, position, room, bytes, have, ret);
    *ret = (struct ikv_record_extent){field, false};
    return left >= IKV_RECORD_HEADER_SIZE && field >= store->surplus &&
           field <= store->record_size_max && field <= left - IKV_RECORD_HEADER_SIZE;
}

/* Size of the content (value and checksum), given all bytes to read. False: impossible. */
static inline bool ikv_record_content(const struct ikv_store *store,
                                      const struct ikv_record_extent *extent,
                                      const unsigned char *record, uint32_t *ret_size)
{
    *ret_size = (uint32_t)extent->size;
    return !extent->is_padded || ikv_record_content_padded(store, extent, record, ret_size);
}

#endif
