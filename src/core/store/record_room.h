/* How far a record may reach, and how much of it is content: depends on the layout. */
#ifndef IKV_RECORD_ROOM_H
#define IKV_RECORD_ROOM_H

#include "core/format/leaf.h"
#include "core/store/store.h"

struct ikv_record_room {
    uint64_t end;   /* file offset; the record ends there or before */
    bool is_inside; /* a leaf, which ends there */
};

/* The room of a record at a possible position. */
struct ikv_record_room ikv_record_room(const struct ikv_store *store, uint64_t position);

/* What is to be read of a record to have its content. */
struct ikv_record_extent {
    uint64_t size; /* bytes after the size field */
    /* The last record before leaves: its size field reaches over what is between, and says nothing.
     * The content's size is in the last bytes of what is to be read. */
    bool is_padded;
};

/*
 * Sizes of a record at a possible position. `bytes` are the file's from there on, `have` of them:
 * the size field, and of a record in a leaf all bytes to the end of the leaf. False: they are
 * impossible. For a record in a leaf *ret is exact.
 */
bool ikv_record_extent(const struct ikv_store *store, uint64_t position,
                       struct ikv_record_room room, const unsigned char *bytes, size_t have,
                       struct ikv_record_extent *ret);

/* Size of the content (value and checksum), given all that was to be read. False: impossible. */
bool ikv_record_content(const struct ikv_store *store, const struct ikv_record_extent *extent,
                        const unsigned char *record, uint32_t *ret_size);

#endif
