#include "core/format/leaf.h"

#include "core/format/checksum.h"

#include <errno.h>
#include <stdlib.h>

#define RECORD_SURPLUS (IKV_RECORD_HEADER_SIZE + IKV_RECORD_CHECKSUM_SIZE)
#define POSITION_SIZE  8u

/* Footer, from the end of the leaf: 16 u16 entries, 14 u16 outside, 12 u16 records end, 10 u16
 * zero, 8 u64 checksum. */

/* Checksum of the bytes from the start of the directory up to the checksum itself. The seed makes
 * it differ for other leaves and stores. */
static uint64_t checksum(const unsigned char *directory, size_t size, uint64_t seed,
                         uint64_t number)
{
    unsigned char bytes[8];

    ikv_store64(bytes, number);
    return ikv_checksum_seeded(directory, size, ikv_checksum_seeded(bytes, sizeof bytes, seed));
}

bool ikv_leaf_decode(const unsigned char *bytes, uint32_t size, const struct ikv_key_info *key,
                     struct ikv_leaf *ret)
{
    const unsigned char *footer = bytes + size - IKV_LEAF_FOOTER_SIZE;
    const uint32_t count = ikv_load16(footer);
    const uint32_t outside = ikv_load16(footer + 2);
    const uint32_t records_end = ikv_leaf_footer_records_end(footer);
    const uint32_t directory = count * ikv_leaf_stride(key) + outside * POSITION_SIZE;

    *ret = (struct ikv_leaf){
        .bytes = bytes,
        .size = size,
        .count = count,
        .outside_count = outside,
        .records_end = records_end,
    };
    if (count == 0 || outside > count || records_end > size - IKV_LEAF_FOOTER_SIZE ||
        directory > size - IKV_LEAF_FOOTER_SIZE - records_end)
        return false;
    ret->entries = footer - (size_t)count * ikv_leaf_stride(key);
    ret->outside = ret->entries - (size_t)outside * POSITION_SIZE;
    return true;
}

bool ikv_leaf_is_intact(const struct ikv_leaf *leaf, uint64_t seed, uint64_t number)
{
    const unsigned char *end = leaf->bytes + leaf->size - 8;

    return checksum(leaf->outside, (size_t)(end - leaf->outside), seed, number) == ikv_load64(end);
}

/* ---------------------------------------------------------------- building */

int ikv_leaf_builder_new(struct ikv_leaf_builder *builder, const struct ikv_key_info *key,
                         uint32_t size)
{
    *builder = (struct ikv_leaf_builder){.key = *key, .size = size};
    builder->entries = malloc(size);
    builder->outside = malloc(size);
    if (builder->entries && builder->outside)
        return 0;
    ikv_leaf_builder_free(builder);
    return -ENOMEM;
}

void ikv_leaf_builder_free(struct ikv_leaf_builder *builder)
{
    free(builder->entries);
    free(builder->outside);
    builder->entries = builder->outside = NULL;
}

void ikv_leaf_begin(struct ikv_leaf_builder *builder, uint64_t number, unsigned char *bytes)
{
    builder->number = number;
    builder->bytes = bytes;
    builder->count = builder->outside_count = 0;
    builder->records_end = ikv_leaf_records_begin(number);
    builder->last_record = IKV_NO_RECORD;
    memset(bytes, 0, builder->records_end);
}

bool ikv_leaf_holds(const struct ikv_key_info *key, uint32_t leaf_size, uint32_t size)
{
    /* The first leaf has the least room. */
    const uint32_t room =
        leaf_size - IKV_HEADER_SIZE - IKV_LEAF_FOOTER_SIZE - RECORD_SURPLUS - ikv_leaf_stride(key);

    return size <= room;
}

uint32_t ikv_leaf_capacity(const struct ikv_key_info *key, uint32_t leaf_size, uint64_t number,
                           uint32_t size)
{
    const uint32_t room = leaf_size - ikv_leaf_records_begin(number) - IKV_LEAF_FOOTER_SIZE;

    return ikv_leaf_holds(key, leaf_size, size)
               ? room / (ikv_leaf_stride(key) + RECORD_SURPLUS + size)
               : 0;
}

bool ikv_leaf_has_room(const struct ikv_leaf_builder *builder, uint32_t size, bool is_outside)
{
    const uint32_t stride = ikv_leaf_stride(&builder->key);
    const uint32_t used = builder->records_end + builder->count * stride +
                          builder->outside_count * POSITION_SIZE + IKV_LEAF_FOOTER_SIZE;
    const uint32_t left = builder->size - used;

    return is_outside ? stride + POSITION_SIZE <= left
                      : stride + RECORD_SURPLUS <= left && size <= left - stride - RECORD_SURPLUS;
}

static void add_entry(struct ikv_leaf_builder *builder, const unsigned char *key, uint32_t place)
{
    const uint32_t width = builder->key.width;
    unsigned char *entry = builder->entries + (size_t)builder->count * (width + IKV_PLACE_SIZE);

    memcpy(entry, key, width);
    ikv_store16(entry + width, (uint16_t)place);
    builder->count++;
}

void ikv_leaf_add(struct ikv_leaf_builder *builder, const unsigned char *key, const void *value,
                  uint32_t size, uint32_t record_checksum)
{
    unsigned char *record = builder->bytes + builder->records_end;

    add_entry(builder, key, builder->records_end);
    ikv_store32(record, size + IKV_RECORD_CHECKSUM_SIZE);
    if (size)
        memcpy(record + IKV_RECORD_HEADER_SIZE, value, size);
    ikv_store32(record + IKV_RECORD_HEADER_SIZE + size, record_checksum);
    builder->last_record = builder->records_end;
    builder->records_end += RECORD_SURPLUS + size;
}

void ikv_leaf_add_outside(struct ikv_leaf_builder *builder, const unsigned char *key,
                          uint64_t position)
{
    ikv_store64(builder->outside + (size_t)builder->outside_count * POSITION_SIZE, position);
    add_entry(builder, key, IKV_PLACE_OUTSIDE | builder->outside_count);
    builder->outside_count++;
}

void ikv_leaf_end(struct ikv_leaf_builder *builder, uint64_t seed)
{
    unsigned char *footer = builder->bytes + builder->size - IKV_LEAF_FOOTER_SIZE;
    const uint32_t entries_size = builder->count * ikv_leaf_stride(&builder->key);
    const uint32_t outside_size = builder->outside_count * POSITION_SIZE;
    unsigned char *directory = footer - entries_size - outside_size;
    unsigned char *records_end = builder->bytes + builder->records_end;

    memset(records_end, 0, (size_t)(directory - records_end));
    memcpy(directory, builder->outside, outside_size);
    memcpy(directory + outside_size, builder->entries, entries_size);
    ikv_store16(footer, (uint16_t)builder->count);
    ikv_store16(footer + 2, (uint16_t)builder->outside_count);
    ikv_store16(footer + 4, (uint16_t)builder->records_end);
    ikv_store16(footer + 6, 0);
    ikv_store64(footer + 8,
                checksum(directory, (size_t)(footer + 8 - directory), seed, builder->number));
    if (builder->last_record != IKV_NO_RECORD)
        ikv_store32(builder->bytes + builder->last_record,
                    builder->size - builder->last_record - IKV_RECORD_HEADER_SIZE);
}
