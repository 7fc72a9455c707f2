#include "core/format/trailer.h"

#include "core/format/checksum.h"
#include "core/format/leaf.h"

static const unsigned char footer_magic[8] = {'I', 'K', 'V', 'T', 'R', 'A', 'I', 'L'};

/* Section entry: u32 type, u32 flags, u64 offset, u64 length, u64 checksum. */

void ikv_section_encode(const struct ikv_section *section,
                        unsigned char out[IKV_SECTION_ENTRY_SIZE])
{
    ikv_store32(out, section->type);
    ikv_store32(out + 4, section->flags);
    ikv_store64(out + 8, section->offset);
    ikv_store64(out + 16, section->length);
    ikv_store64(out + 24, section->checksum);
}

void ikv_section_decode(const unsigned char in[IKV_SECTION_ENTRY_SIZE], struct ikv_section *ret)
{
    ret->type = ikv_load32(in);
    ret->flags = ikv_load32(in + 4);
    ret->offset = ikv_load64(in + 8);
    ret->length = ikv_load64(in + 16);
    ret->checksum = ikv_load64(in + 24);
}

/*
 * Footer:  0 magic, 8 u32 version, 12 u32 sections, 16 u64 file size, 24 u64 checksum of the
 * directory, 32 store id (16), 48 copy of the header (24), 72 zero (16), 88 u64 checksum of bytes
 * 0..87
 */

void ikv_footer_encode(const struct ikv_footer *footer, unsigned char out[IKV_FOOTER_SIZE])
{
    memset(out, 0, IKV_FOOTER_SIZE);
    memcpy(out, footer_magic, sizeof footer_magic);
    ikv_store32(out + 8, footer->version);
    ikv_store32(out + 12, footer->sections);
    ikv_store64(out + 16, footer->file_size);
    ikv_store64(out + 24, footer->directory_checksum);
    memcpy(out + 32, footer->store_id, 16);
    memcpy(out + 48, footer->header, IKV_HEADER_SIZE);
    ikv_store64(out + 88, ikv_checksum(out, 88));
}

enum ikv_footer_check ikv_footer_decode(const unsigned char in[IKV_FOOTER_SIZE],
                                        struct ikv_footer *ret)
{
    if (memcmp(in, footer_magic, sizeof footer_magic) != 0)
        return IKV_FOOTER_ABSENT;
    if (ikv_load64(in + 88) != ikv_checksum(in, 88))
        return IKV_FOOTER_DAMAGED;
    ret->version = ikv_load32(in + 8);
    ret->sections = ikv_load32(in + 12);
    ret->file_size = ikv_load64(in + 16);
    ret->directory_checksum = ikv_load64(in + 24);
    memcpy(ret->store_id, in + 32, 16);
    memcpy(ret->header, in + 48, IKV_HEADER_SIZE);
    return IKV_FOOTER_VALID;
}

/*
 * Properties:  0 u8 kind of key, 1 u8 key width, 2 u16 flags, 4 u32 stride,
 *              8 u32 0x0a0b0c0d (the byte order of everything in the file),
 *             12 u32 page size, 16 u32 record checksum size, 20 u32 block size,
 *             24 u64 pair count, 32 u64 records end, 40 u64 sum of the value sizes,
 *             48 u32 minimum value size, 52 u32 maximum, 56 u32 99th percentile, 60 zero (36)
 */

#define BYTE_ORDER_MARK 0x0a0b0c0du

void ikv_properties_encode(const struct ikv_properties *properties,
                           unsigned char out[IKV_PROPERTIES_SIZE])
{
    memset(out, 0, IKV_PROPERTIES_SIZE);
    out[0] = (unsigned char)(properties->key_type >> 8);
    out[1] = (unsigned char)properties->key_type;
    ikv_store16(out + 2, (uint16_t)properties->flags);
    ikv_store32(out + 4, properties->stride);
    ikv_store32(out + 8, BYTE_ORDER_MARK);
    ikv_store32(out + 12, IKV_PAGE_SIZE);
    ikv_store32(out + 16, IKV_RECORD_CHECKSUM_SIZE);
    ikv_store32(out + 20, IKV_BLOCK_SIZE);
    ikv_store64(out + 24, properties->pair_count);
    ikv_store64(out + 32, properties->records_end);
    ikv_store64(out + 40, properties->value_bytes);
    ikv_store32(out + 48, properties->value_size_min);
    ikv_store32(out + 52, properties->value_size_max);
    ikv_store32(out + 56, properties->value_size_p99);
}

int ikv_properties_decode(const unsigned char *in, size_t size, struct ikv_properties *ret)
{
    struct ikv_key_info key;
    struct ikv_properties properties;

    if (size < IKV_PROPERTIES_SIZE)
        return IKV_E_SECTION;
    properties.key_type = (ikv_key_type)(in[0] << 8 | in[1]);
    properties.flags = ikv_load16(in + 2);
    properties.stride = ikv_load32(in + 4);
    properties.pair_count = ikv_load64(in + 24);
    properties.records_end = ikv_load64(in + 32);
    properties.value_bytes = ikv_load64(in + 40);
    properties.value_size_min = ikv_load32(in + 48);
    properties.value_size_max = ikv_load32(in + 52);
    properties.value_size_p99 = ikv_load32(in + 56);
    if (!ikv_key_describe(properties.key_type, &key) ||
        (properties.flags & ~(IKV_PROPERTY_IN_KEY_ORDER | IKV_PROPERTY_RANGES)))
        return IKV_E_UNSUPPORTED;
    if ((properties.flags & IKV_PROPERTY_RANGES) &&
        (key.width > IKV_RANGE_WIDTH_MAX ||
         (properties.pair_count && (properties.value_size_min < key.width ||
                                    properties.value_bytes / properties.pair_count < key.width))))
        return IKV_E_SECTION;
    if (ikv_load32(in + 8) != BYTE_ORDER_MARK || properties.stride != ikv_key_stride(&key))
        return IKV_E_SECTION;
    if (ikv_load32(in + 12) != IKV_PAGE_SIZE || ikv_load32(in + 16) != IKV_RECORD_CHECKSUM_SIZE ||
        ikv_load32(in + 20) != IKV_BLOCK_SIZE)
        return IKV_E_UNSUPPORTED;
    *ret = properties;
    return 0;
}

/*
 * Leaves:  0 u32 leaf size, 4 u32 leaves in an extent, 8 u64 number of leaves,
 *         16 u32 flags (bit 0: the base format's index was left out), 20 zero (4),
 *         24 u64 checksum of the file's bytes 24..4095, 32 zero (32)
 */

#define LEAVES_NO_INDEX 1u

void ikv_leaves_encode(const struct ikv_leaves *leaves, unsigned char out[IKV_LEAVES_SIZE])
{
    memset(out, 0, IKV_LEAVES_SIZE);
    ikv_store32(out, leaves->leaf_size);
    ikv_store32(out + 4, leaves->extent_leaves);
    ikv_store64(out + 8, leaves->count);
    ikv_store32(out + 16, leaves->has_index ? 0 : LEAVES_NO_INDEX);
    ikv_store64(out + 24, leaves->head_checksum);
}

int ikv_leaves_decode(const unsigned char *in, size_t size, struct ikv_leaves *ret)
{
    if (size < IKV_LEAVES_SIZE)
        return IKV_E_SECTION;
    const struct ikv_leaves leaves = {
        .leaf_size = ikv_load32(in),
        .extent_leaves = ikv_load32(in + 4),
        .count = ikv_load64(in + 8),
        .has_index = !(ikv_load32(in + 16) & LEAVES_NO_INDEX),
        .head_checksum = ikv_load64(in + 24),
    };
    if (ikv_load32(in + 16) & ~LEAVES_NO_INDEX)
        return IKV_E_UNSUPPORTED;
    if (!ikv_leaf_size_is_valid(leaves.leaf_size) ||
        leaves.extent_leaves != IKV_EXTENT_SIZE / leaves.leaf_size)
        return IKV_E_SECTION;
    *ret = leaves;
    return 0;
}
