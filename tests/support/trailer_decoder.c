#include "trailer_decoder.h"

#include "trailer_edit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEADER_SIZE     24
#define TAGGED_SIZE     19
#define PAGE_SIZE       4096
#define FOOTER_SIZE     96
#define ENTRY_SIZE      32
#define PROPERTIES_SIZE 96
#define FLAG_OPTIONAL   1u
#define FLAG_KEY_ORDER  1u
#define FLAG_RANGES     2u

static int violated(decoded_trailer *trailer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int violated(decoded_trailer *trailer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(trailer->error, sizeof(trailer->error), format, arguments);
    va_end(arguments);
    return -1;
}

uint64_t trailer_not_zero(const unsigned char *bytes, uint64_t begin, uint64_t end)
{
    while (begin < end && bytes[begin] == 0)
        begin++;
    return begin;
}

const trailer_section *trailer_find(const decoded_trailer *trailer, uint32_t type)
{
    for (size_t i = 0; i < trailer->section_count; i++)
        if (trailer->sections[i].type == type)
            return &trailer->sections[i];
    return NULL;
}

/* ---------------------------------------------------------------- header and footer */

static int check_header(const unsigned char *bytes, decoded_trailer *trailer)
{
    if (edit_load(bytes, 2) != 2 || bytes[2] != 1)
        return violated(trailer, "header: version or completed");
    if (edit_load(bytes + TAGGED_SIZE, 5) != (XXH3_64bits(bytes, TAGGED_SIZE) & 0xffffffffffu))
        return violated(trailer, "header: tag");
    trailer->v2_pairs = edit_load(bytes + 3, 8);
    trailer->v2_index_start = edit_load(bytes + 11, 8);
    return 0;
}

static int check_footer(const unsigned char *bytes, size_t size, decoded_trailer *trailer)
{
    const unsigned char *footer = bytes + size - FOOTER_SIZE;

    if (memcmp(footer, "IKVTRAIL", 8) != 0 || edit_load(footer + 8, 4) != 1)
        return violated(trailer, "footer: magic or version");
    if (edit_load(footer + 88, 8) != XXH3_64bits(footer, 88))
        return violated(trailer, "footer: checksum");
    if (edit_load(footer + 16, 8) != size)
        return violated(trailer, "footer: size of the file");
    if (memcmp(footer + 48, bytes, HEADER_SIZE) != 0)
        return violated(trailer, "footer: copy of the header");
    if (trailer_not_zero(footer, 72, 88) != 88)
        return violated(trailer, "footer: bytes 72 to 87");
    trailer->section_count = (size_t)edit_load(footer + 12, 4);
    memcpy(trailer->store_id, footer + 32, sizeof(trailer->store_id));
    trailer->record_seed = XXH3_64bits(trailer->store_id, sizeof(trailer->store_id));
    return 0;
}

/* ---------------------------------------------------------------- sections */

static int by_offset(const void *a, const void *b)
{
    const trailer_section *x = a;
    const trailer_section *y = b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

static int read_directory(const unsigned char *bytes, size_t size, decoded_trailer *trailer)
{
    const size_t count = trailer->section_count;
    const size_t footer = size - FOOTER_SIZE;

    if (count > TRAILER_SECTIONS_MAX || count * ENTRY_SIZE > footer)
        return violated(trailer, "%zu sections", count);
    const size_t directory = footer - count * ENTRY_SIZE;
    if (edit_load(bytes + footer + 24, 8) != XXH3_64bits(bytes + directory, count * ENTRY_SIZE))
        return violated(trailer, "checksum of the directory");
    for (size_t i = 0; i < count; i++) {
        const unsigned char *entry = bytes + directory + i * ENTRY_SIZE;
        trailer_section *section = &trailer->sections[i];
        const uint64_t flags = edit_load(entry + 4, 4);

        section->type = (uint32_t)edit_load(entry, 4);
        section->is_optional = (flags & FLAG_OPTIONAL) != 0;
        section->offset = edit_load(entry + 8, 8);
        section->length = edit_load(entry + 16, 8);
        if (flags & ~(uint64_t)FLAG_OPTIONAL)
            return violated(trailer, "section of type %u: flags", section->type);
        if (section->offset > directory || section->length > directory - section->offset ||
            section->offset % 8 != 0)
            return violated(trailer, "section of type %u: place", section->type);
        if (edit_load(entry + 24, 8) !=
            XXH3_64bits(bytes + section->offset, (size_t)section->length))
            return violated(trailer, "section of type %u: checksum", section->type);
        for (size_t k = 0; k < i; k++)
            if (trailer->sections[k].type == section->type)
                return violated(trailer, "two sections of type %u", section->type);
    }
    qsort(trailer->sections, count, sizeof(trailer->sections[0]), by_offset);
    return 0;
}

/* Sections follow the index, each at the next multiple of 8, and the directory follows them. */
static int check_places(const unsigned char *bytes, size_t size, decoded_trailer *trailer)
{
    const uint64_t directory = size - FOOTER_SIZE - trailer->section_count * ENTRY_SIZE;
    const uint64_t records = (trailer->records_end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    uint64_t at = trailer->v2_index_start + trailer->v2_pairs * trailer->layout.stride;

    if (at < records) /* a clustered store without a v2 index */
        at = records;
    for (size_t i = 0; i <= trailer->section_count; i++) {
        const trailer_section *section = &trailer->sections[i];
        const uint64_t next = i < trailer->section_count ? section->offset : directory;

        if (next != (at + 7) / 8 * 8)
            return violated(trailer, "section %zu is at %llu, not after %llu", i,
                            (unsigned long long)next, (unsigned long long)at);
        if (trailer_not_zero(bytes, at, next) != next)
            return violated(trailer, "no zeros before section %zu", i);
        if (i < trailer->section_count)
            at = next + section->length;
    }
    return 0;
}

/* ---------------------------------------------------------------- properties */

static int read_properties(const unsigned char *bytes, decoded_trailer *trailer)
{
    const trailer_section *section = trailer_find(trailer, TRAILER_PROPERTIES);
    decoder_layout *layout = &trailer->layout;

    if (section == NULL || section->is_optional || section->length != PROPERTIES_SIZE)
        return violated(trailer, "no properties");
    const unsigned char *at = bytes + section->offset;
    layout->kind = (decoder_kind)at[0];
    layout->key_width = at[1];
    layout->stride = (size_t)edit_load(at + 4, 4);
    if (at[0] < DECODER_UNSIGNED || at[0] > DECODER_BYTES || layout->key_width == 0 ||
        layout->key_width > DECODER_KEY_WIDTH_MAX ||
        layout->stride != decoder_stride(layout->kind, layout->key_width))
        return violated(trailer, "properties: key type or stride");
    if (edit_load(at + 8, 4) != 0x0a0b0c0du || edit_load(at + 12, 4) != PAGE_SIZE ||
        edit_load(at + 16, 4) != 4 || edit_load(at + 20, 4) != 1u << 20)
        return violated(trailer, "properties: byte order or sizes");
    if (edit_load(at + 2, 2) & ~(uint64_t)(FLAG_KEY_ORDER | FLAG_RANGES))
        return violated(trailer, "properties: flags");
    if (trailer_not_zero(at, 60, PROPERTIES_SIZE) != PROPERTIES_SIZE)
        return violated(trailer, "properties: bytes 60 to 95");
    trailer->has_ranges = (edit_load(at + 2, 2) & FLAG_RANGES) != 0;
    trailer->in_key_order = (edit_load(at + 2, 2) & FLAG_KEY_ORDER) != 0;
    trailer->pair_count = edit_load(at + 24, 8);
    trailer->records_end = edit_load(at + 32, 8);
    trailer->value_bytes = edit_load(at + 40, 8);
    trailer->value_min = (uint32_t)edit_load(at + 48, 4);
    trailer->value_max = (uint32_t)edit_load(at + 52, 4);
    trailer->value_p99 = (uint32_t)edit_load(at + 56, 4);
    return 0;
}

int trailer_decode(const unsigned char *bytes, size_t size, decoded_trailer *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (size < HEADER_SIZE + FOOTER_SIZE)
        return violated(ret, "shorter than header and footer");
    if (check_header(bytes, ret) != 0 || check_footer(bytes, size, ret) != 0 ||
        read_directory(bytes, size, ret) != 0 || read_properties(bytes, ret) != 0)
        return -1;
    if (ret->records_end < HEADER_SIZE || ret->records_end > size)
        return violated(ret, "properties: records end");
    if (ret->v2_pairs > size / ret->layout.stride)
        return violated(ret, "header: pair count");
    return check_places(bytes, size, ret);
}
