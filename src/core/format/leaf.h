/*
 * Leaves, the pages of a clustered store. A leaf holds records in key order and a directory of
 * them, so that one read answers a key. FORMAT.md describes it byte by byte.
 *
 *     0                  records: u32 size, value, u32 checksum; no gaps (leaf 0: from byte 24 on,
 *                        after the file's header)
 *     records end        zeros
 *     directory          position of each record outside the leaf: u64
 *                        entries, keys ascending: stored key, u16 place
 *     leaf size - 16     footer: u16 entries, u16 outside, u16 records end, u16 zero, u64 checksum
 *
 * A place is the offset of a record in the leaf or, with IKV_PLACE_OUTSIDE, the index of a position
 * in the directory. The size field of a leaf's last record extends to the end of the leaf, for
 * readers of the base format; its value ends at `records end`.
 *
 * The checksum covers the directory. Records have their own checksums, so a leaf can be searched
 * without reading its values.
 */
#ifndef IKV_LEAF_H
#define IKV_LEAF_H

#include "core/format/format.h"

#define IKV_LEAF_SIZE_MIN    4096u
#define IKV_LEAF_SIZE_MAX    32768u
#define IKV_LEAF_FOOTER_SIZE 16u
#define IKV_PLACE_SIZE       2u
#define IKV_PLACE_OUTSIDE    0x8000u

/*
 * An extent is 1 MiB of adjacent leaves. Between extents there may be records too long for a leaf.
 * The size field of the last of these extends to the next extent or beyond, so the 8 bytes before
 * the extent hold the size of its content, u32, and u32 zero.
 */
#define IKV_EXTENT_SIZE       ((uint32_t)1 << 20)
#define IKV_OUTSIDE_TAIL_SIZE 8u

/* A decoded leaf, which points into its bytes. */
struct ikv_leaf {
    const unsigned char *bytes;
    const unsigned char *entries;
    const unsigned char *outside; /* positions of records outside the leaf */
    uint32_t size;
    uint32_t count; /* entries */
    uint32_t outside_count;
    uint32_t records_end; /* offset in the leaf */
};

/* Size of an entry in the directory. */
static inline uint32_t ikv_leaf_stride(const struct ikv_key_info *key)
{
    return key->width + IKV_PLACE_SIZE;
}

static inline bool ikv_leaf_size_is_valid(uint32_t size)
{
    return size >= IKV_LEAF_SIZE_MIN && size <= IKV_LEAF_SIZE_MAX && (size & (size - 1)) == 0;
}

/* Offset of the first record in a leaf: leaf 0 leaves room for the file's header. */
static inline uint32_t ikv_leaf_records_begin(uint64_t number)
{
    return number == 0 ? IKV_HEADER_SIZE : 0;
}

static inline uint32_t ikv_leaf_place(const struct ikv_key_info *key, const unsigned char *entry)
{
    return ikv_load16(entry + key->width);
}

/* Offset of the end of the records, from the footer. */
static inline uint32_t ikv_leaf_footer_records_end(const unsigned char *footer)
{
    return ikv_load16(footer + 4);
}

/* Position of the record at `place`, given the file offset of the leaf. 0, which is not a valid
 * position, if the place is invalid. */
static inline uint64_t ikv_leaf_position(const struct ikv_leaf *leaf, uint64_t offset,
                                         uint32_t place)
{
    if (!(place & IKV_PLACE_OUTSIDE))
        return offset + place;
    place &= ~IKV_PLACE_OUTSIDE;
    return place < leaf->outside_count ? ikv_load64(leaf->outside + (size_t)8 * place) : 0;
}

/* Decode the `size` bytes of a leaf. False: invalid footer. Checks bounds only; see
 * ikv_leaf_is_intact. */
bool ikv_leaf_decode(const unsigned char *bytes, uint32_t size, const struct ikv_key_info *key,
                     struct ikv_leaf *ret);

/* Verify the checksum of the directory, which depends on the leaf's number and on the store's
 * ikv_record_seed. */
bool ikv_leaf_is_intact(const struct ikv_leaf *leaf, uint64_t seed, uint64_t number);

/*
 * Size of the content (value and checksum) of the record at `place`, given its size field. False:
 * it does not fit into the leaf. Both may be damaged; only the record's checksum proves them.
 */
static inline bool ikv_leaf_content(const struct ikv_leaf *leaf, uint32_t place,
                                    uint32_t size_field, uint32_t *ret_size)
{
    if (place > leaf->records_end || leaf->records_end - place < IKV_RECORD_HEADER_SIZE)
        return false;
    const uint32_t room = leaf->records_end - place - IKV_RECORD_HEADER_SIZE;
    /* Only the last record's field is greater, see above. */
    *ret_size = size_field < room ? size_field : room;
    return true;
}

/* A leaf being built. */
struct ikv_leaf_builder {
    struct ikv_key_info key;
    uint32_t size; /* of the leaf */
    uint64_t number;
    unsigned char *bytes;   /* of the leaf; owned by the caller */
    unsigned char *entries; /* copied into the leaf at the end, like `outside` */
    unsigned char *outside;
    uint32_t count;
    uint32_t outside_count;
    uint32_t records_end;
    uint32_t last_record; /* offset of the last record's size field; IKV_NO_RECORD: none */
};
#define IKV_NO_RECORD UINT32_MAX

/* -ENOMEM. An all-zero builder may be freed. */
int ikv_leaf_builder_new(struct ikv_leaf_builder *builder, const struct ikv_key_info *key,
                         uint32_t size);
void ikv_leaf_builder_free(struct ikv_leaf_builder *builder);
/* Start leaf `number` in `bytes`. */
void ikv_leaf_begin(struct ikv_leaf_builder *builder, uint64_t number, unsigned char *bytes);

/* Whether a value of `size` bytes fits into any empty leaf; otherwise its record is outside. */
bool ikv_leaf_holds(const struct ikv_key_info *key, uint32_t leaf_size, uint32_t size);
/* Number of records with values of `size` bytes that leaf `number` holds; 0: they are outside. */
uint32_t ikv_leaf_capacity(const struct ikv_key_info *key, uint32_t leaf_size, uint64_t number,
                           uint32_t size);
/* Whether there is room for a record with a value of `size` bytes, or for a position. */
bool ikv_leaf_has_room(const struct ikv_leaf_builder *builder, uint32_t size, bool is_outside);

/* Add a pair, for which there must be room. The key, in stored form, is greater than all others. */
void ikv_leaf_add(struct ikv_leaf_builder *builder, const unsigned char *key, const void *value,
                  uint32_t size, uint32_t checksum);
void ikv_leaf_add_outside(struct ikv_leaf_builder *builder, const unsigned char *key,
                          uint64_t position);
/* Write the directory, and extend the last record's size field to the end of the leaf. */
void ikv_leaf_end(struct ikv_leaf_builder *builder, uint64_t seed);

#endif
