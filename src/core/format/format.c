#include "core/format/format.h"

#include "core/format/checksum.h"

/* Header: u16 version, u8 completed, u64 pair_count at 3, u64 index_start at 11, 5 spare bytes. */

void ikv_header_encode(const struct ikv_header *header, unsigned char out[IKV_HEADER_SIZE])
{
    ikv_store16(out, header->version);
    out[2] = header->completed;
    ikv_store64(out + 3, header->pair_count);
    ikv_store64(out + 11, header->index_start);
    memcpy(out + 19, header->tag, IKV_HEADER_TAG_SIZE);
}

void ikv_header_decode(const unsigned char in[IKV_HEADER_SIZE], struct ikv_header *ret)
{
    ret->version = ikv_load16(in);
    ret->completed = in[2];
    ret->pair_count = ikv_load64(in + 3);
    ret->index_start = ikv_load64(in + 11);
    memcpy(ret->tag, in + 19, IKV_HEADER_TAG_SIZE);
}

void ikv_header_tag(const struct ikv_header *header, unsigned char tag[IKV_HEADER_TAG_SIZE])
{
    unsigned char bytes[IKV_HEADER_SIZE];
    unsigned char hash[8];

    ikv_header_encode(header, bytes);
    ikv_store64(hash, ikv_checksum(bytes, IKV_HEADER_SIZE - IKV_HEADER_TAG_SIZE));
    memcpy(tag, hash, IKV_HEADER_TAG_SIZE);
}

bool ikv_header_is_native(const struct ikv_header *header)
{
    unsigned char tag[IKV_HEADER_TAG_SIZE];
    ikv_header_tag(header, tag);
    return memcmp(tag, header->tag, sizeof tag) == 0;
}

static void set_slice(struct ikv_geometry *geometry, uint32_t slice)
{
    geometry->slice = slice;
    geometry->entries_per_page = slice % geometry->stride == 0 ? slice / geometry->stride : 0;
    geometry->pages = geometry->count ? ikv_page_of_entry(geometry, geometry->count - 1) + 1 : 0;
}

void ikv_geometry_set(struct ikv_geometry *geometry, const struct ikv_key_info *key,
                      uint32_t stride, uint64_t index_start, uint64_t count)
{
    *geometry = (struct ikv_geometry){
        .key = *key, .stride = stride, .index_start = index_start, .count = count};
    set_slice(geometry, IKV_PAGE_SIZE);
}

struct ikv_geometry ikv_geometry_of_entries(const struct ikv_geometry *geometry)
{
    struct ikv_geometry entries = *geometry;

    set_slice(&entries, entries.stride);
    return entries;
}

void ikv_entry_encode_stored(const struct ikv_key_info *key, uint32_t stride,
                             const unsigned char *stored_key, uint64_t position, unsigned char *out)
{
    memcpy(out, stored_key, key->width);
    ikv_store64(out + key->width, position);
    memset(out + key->width + 8, 0, stride - key->width - 8);
}

void ikv_entry_encode(const struct ikv_key_info *key, uint32_t stride, const uint64_t *words,
                      uint64_t position, unsigned char *out)
{
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    ikv_key_store(key, words, stored);
    ikv_entry_encode_stored(key, stride, stored, position, out);
}
