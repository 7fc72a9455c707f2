#include "leaf_decoder.h"

#include "filter_decoder.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEADER_SIZE    24
#define PAGE_SIZE      4096
#define EXTENT_SIZE    (1u << 20)
#define LEAF_FOOTER    16
#define SIZE_FIELD     4
#define CHECKSUM_SIZE  4
#define TAIL_SIZE      8 /* before an extent: size of the last record outside, and zero */
#define SMALLEST       (SIZE_FIELD + CHECKSUM_SIZE + TAIL_SIZE) /* of a record and the tail */
#define OUTSIDE        0x8000u
#define LEAVES_SECTION 64
#define NO_V2_INDEX    1u

static int violated(decoded_leaves *decoded, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int violated(decoded_leaves *decoded, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(decoded->error, sizeof(decoded->error), format, arguments);
    va_end(arguments);
    return -1;
}

static uint64_t load(const decoded_leaves *decoded, uint64_t offset, size_t width)
{
    return edit_load(decoded->bytes + offset, width);
}

static bool are_zero(const decoded_leaves *decoded, uint64_t begin, uint64_t end)
{
    return trailer_not_zero(decoded->bytes, begin, end) == end;
}

/* ---------------------------------------------------------------- sections */

static int read_leaves_section(decoded_leaves *decoded)
{
    const trailer_section *section = trailer_find(&decoded->trailer, TRAILER_LEAVES);

    if (section == NULL || section->is_optional || section->length != LEAVES_SECTION)
        return violated(decoded, "no leaves");
    if (trailer_find(&decoded->trailer, TRAILER_PAGE_CHECKSUMS) != NULL ||
        trailer_find(&decoded->trailer, TRAILER_BLOCK_CHECKSUMS) != NULL)
        return violated(decoded, "checksums of pages or blocks in a clustered store");
    const uint64_t at = section->offset;
    decoded->leaf_size = (uint32_t)load(decoded, at, 4);
    decoded->leaf_count = (size_t)load(decoded, at + 8, 8);
    decoded->has_v2_index = (load(decoded, at + 16, 4) & NO_V2_INDEX) == 0;
    if (decoded->leaf_size != 4096 && decoded->leaf_size != 8192 && decoded->leaf_size != 16384 &&
        decoded->leaf_size != 32768)
        return violated(decoded, "leaf size %u", decoded->leaf_size);
    if (load(decoded, at + 4, 4) != EXTENT_SIZE / decoded->leaf_size)
        return violated(decoded, "leaves in an extent");
    if (load(decoded, at + 16, 4) & ~(uint64_t)NO_V2_INDEX)
        return violated(decoded, "flags of the leaves");
    if (!are_zero(decoded, at + 20, at + 24) || !are_zero(decoded, at + 32, at + LEAVES_SECTION))
        return violated(decoded, "no zeros in the section of leaves");
    if (load(decoded, at + 24, 8) !=
        XXH3_64bits(decoded->bytes + HEADER_SIZE, PAGE_SIZE - HEADER_SIZE))
        return violated(decoded, "checksum of the start of the file");
    if (decoded->leaf_count > decoded->file_size / decoded->leaf_size)
        return violated(decoded, "%zu leaves", decoded->leaf_count);
    return 0;
}

/* The header and the size of everything before the sections. */
static int check_frame(decoded_leaves *decoded)
{
    const decoded_trailer *trailer = &decoded->trailer;
    const uint64_t records_end = trailer->records_end;
    const uint64_t index = records_end <= PAGE_SIZE
                               ? PAGE_SIZE
                               : (records_end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;

    if (!trailer->in_key_order)
        return violated(decoded, "not in key order");
    if (decoded->has_v2_index &&
        (trailer->v2_index_start != index || trailer->v2_pairs != trailer->pair_count))
        return violated(decoded, "header: index start or pair count");
    if (!decoded->has_v2_index && (trailer->v2_index_start != HEADER_SIZE || trailer->v2_pairs > 0))
        return violated(decoded, "header: without an index it must be that of an empty store");
    if (!are_zero(decoded, records_end, index))
        return violated(decoded, "no zeros after the records");
    if ((trailer->pair_count == 0) != (decoded->leaf_count == 0) ||
        (trailer->pair_count == 0 && records_end != HEADER_SIZE))
        return violated(decoded, "leaves without pairs, or pairs without leaves");
    return 0;
}

/* File offsets of the leaves; the extents are in the section of extents, or follow each other from
 * the start of the file on. */
static int place_leaves(decoded_leaves *decoded)
{
    const trailer_section *extents = trailer_find(&decoded->trailer, TRAILER_EXTENTS);
    const size_t in_extent = EXTENT_SIZE / decoded->leaf_size;
    const size_t count = (decoded->leaf_count + in_extent - 1) / in_extent;
    bool is_contiguous = true;
    uint64_t end = 0;

    if (extents != NULL && (extents->is_optional || extents->length != 8 * count))
        return violated(decoded, "section of extents");
    decoded->leaves = must_malloc(decoded->leaf_count * sizeof(*decoded->leaves));
    for (size_t i = 0; i < decoded->leaf_count; i++) {
        uint64_t offset = i == 0 ? 0 : decoded->leaves[i - 1].offset + decoded->leaf_size;

        if (i % in_extent == 0 && extents != NULL) {
            offset = load(decoded, extents->offset + 8 * (i / in_extent), 8);
            is_contiguous = is_contiguous && offset == end;
        }
        if (offset % decoded->leaf_size != 0 || offset < end ||
            offset > decoded->trailer.records_end ||
            decoded->trailer.records_end - offset < decoded->leaf_size)
            return violated(decoded, "leaf %zu is at %llu", i, (unsigned long long)offset);
        end = offset + decoded->leaf_size;
        decoded->leaves[i] = (leaf_bounds){.offset = offset};
    }
    if (decoded->leaf_count > 0 && end != decoded->trailer.records_end)
        return violated(decoded, "the records don't end with the last leaf");
    if (extents != NULL && is_contiguous)
        return violated(decoded, "a section of extents that are contiguous");
    return 0;
}

/* ---------------------------------------------------------------- leaves */

/* The bounds of a leaf, from its footer; its checksum and zeros. */
static int read_leaf_bounds(decoded_leaves *decoded, size_t number)
{
    leaf_bounds *leaf = &decoded->leaves[number];
    const uint64_t footer = leaf->offset + decoded->leaf_size - LEAF_FOOTER;
    const uint64_t records = leaf->offset + (number == 0 ? HEADER_SIZE : 0);
    unsigned char bytes[8];

    leaf->count = (size_t)load(decoded, footer, 2);
    leaf->outside = (size_t)load(decoded, footer + 2, 2);
    leaf->records_end = leaf->offset + load(decoded, footer + 4, 2);
    leaf->directory =
        footer - leaf->count * (decoded->trailer.layout.key_width + 2) - leaf->outside * 8;
    if (leaf->count == 0 || leaf->outside > leaf->count || leaf->records_end < records ||
        leaf->directory > footer || leaf->directory < leaf->records_end)
        return violated(decoded, "leaf %zu: footer", number);
    edit_store(bytes, sizeof(bytes), number);
    const uint64_t seed = XXH3_64bits_withSeed(bytes, sizeof(bytes), decoded->trailer.record_seed);
    if (load(decoded, footer + 8, 8) !=
        XXH3_64bits_withSeed(decoded->bytes + leaf->directory, footer + 8 - leaf->directory, seed))
        return violated(decoded, "leaf %zu: checksum", number);
    if (!are_zero(decoded, leaf->records_end, leaf->directory) ||
        !are_zero(decoded, footer + 6, footer + 8))
        return violated(decoded, "leaf %zu: no zeros", number);
    if (leaf->offset > 0 && !are_zero(decoded, leaf->offset, records))
        return violated(decoded, "leaf %zu: no zeros before its records", number);
    return 0;
}

/* Check the order of a key and, if the store has fences, its leaf's fence. */
static int check_key(decoded_leaves *decoded, const leaf_pair *pair)
{
    const decoder_layout *layout = &decoded->trailer.layout;
    const trailer_section *fences = trailer_find(&decoded->trailer, TRAILER_FENCES);
    const size_t number = (size_t)(pair - decoded->pairs);

    if (number > 0 && decoder_compare(layout, pair[-1].key, pair->key) >= 0)
        return violated(decoded, "pair %zu is not above the one before", number);
    if (fences == NULL || decoded->leaves[pair->leaf].first != number)
        return 0;
    if (fences->length != decoded->leaf_count * layout->key_width)
        return violated(decoded, "section of fences");
    if (memcmp(decoded->bytes + fences->offset + pair->leaf * layout->key_width, pair->key,
               layout->key_width) != 0)
        return violated(decoded, "fence of leaf %zu", pair->leaf);
    return 0;
}

/* Keys and positions of a leaf. Records in it follow each other in key order, so the place of one
 * is where the previous one ends. */
static int read_entries(decoded_leaves *decoded, size_t number)
{
    leaf_bounds *leaf = &decoded->leaves[number];
    const size_t width = decoded->trailer.layout.key_width;
    const uint64_t entries = leaf->directory + leaf->outside * 8;
    size_t outside = 0;

    leaf->first = decoded->pair_count;
    if (leaf->count > decoded->trailer.pair_count - decoded->pair_count)
        return violated(decoded, "leaf %zu: too many pairs", number);
    for (size_t i = 0; i < leaf->count; i++) {
        leaf_pair *pair = &decoded->pairs[decoded->pair_count++];
        const uint64_t place = load(decoded, entries + i * (width + 2) + width, 2);

        *pair = (leaf_pair){.leaf = number, .key = decoded->bytes + entries + i * (width + 2)};
        pair->is_outside = (place & OUTSIDE) != 0;
        if (pair->is_outside && ((place & ~OUTSIDE) != outside || outside == leaf->outside))
            return violated(decoded, "leaf %zu: number of a position", number);
        pair->position = pair->is_outside ? load(decoded, leaf->directory + 8 * outside++, 8)
                                          : leaf->offset + place;
        if (!pair->is_outside && pair->position >= leaf->records_end)
            return violated(decoded, "leaf %zu: place %llu", number, (unsigned long long)place);
        if (check_key(decoded, pair) != 0)
            return -1;
    }
    return outside == leaf->outside ? 0 : violated(decoded, "leaf %zu: unused positions", number);
}

/* ---------------------------------------------------------------- records */

/* Note the end of a record's content, its checksum included, and verify it. */
static int set_content(decoded_leaves *decoded, leaf_pair *pair, uint64_t end)
{
    const uint64_t content = pair->position + SIZE_FIELD;
    const size_t width = decoded->trailer.layout.key_width;

    if (end < content + CHECKSUM_SIZE || end - content > UINT32_MAX)
        return violated(decoded, "record at %llu: size", (unsigned long long)pair->position);
    pair->value = decoded->bytes + content;
    pair->size = (uint32_t)(end - content - CHECKSUM_SIZE);
    pair->next = content + load(decoded, pair->position, SIZE_FIELD);
    const uint64_t seed = XXH3_64bits_withSeed(pair->key, width, decoded->trailer.record_seed);
    if (load(decoded, end - CHECKSUM_SIZE, CHECKSUM_SIZE) !=
        (XXH3_64bits_withSeed(pair->value, pair->size, seed) & 0xffffffffu))
        return violated(decoded, "record at %llu: checksum", (unsigned long long)pair->position);
    return 0;
}

/* Records in a leaf: the first one at its start, the last one up to the end of the records. */
static int read_inside(decoded_leaves *decoded, size_t number)
{
    const leaf_bounds *leaf = &decoded->leaves[number];
    uint64_t expected = leaf->offset + (number == 0 ? HEADER_SIZE : 0);
    leaf_pair *last = NULL;

    for (size_t i = leaf->first; i < leaf->first + leaf->count; i++) {
        leaf_pair *pair = &decoded->pairs[i];

        if (pair->is_outside)
            continue;
        if (last != NULL && set_content(decoded, last, pair->position) != 0)
            return -1;
        if (last != NULL ? last->next != pair->position : pair->position != expected)
            return violated(decoded, "leaf %zu: gap before pair %zu", number, i);
        last = pair;
    }
    if (last != NULL)
        return set_content(decoded, last, leaf->records_end);
    return leaf->records_end == expected ? 0
                                         : violated(decoded, "leaf %zu: end of no records", number);
}

/* Records outside the leaves from `number` up to `end` of an extent: from `start` on without gaps,
 * in key order. The last one has its size in the bytes before the extent. */
static int read_outside(decoded_leaves *decoded, size_t number, size_t end, uint64_t start)
{
    const uint64_t extent = decoded->leaves[number].offset;
    const size_t pairs_end = decoded->leaves[end - 1].first + decoded->leaves[end - 1].count;
    leaf_pair *last = NULL;

    for (size_t i = decoded->leaves[number].first; i < pairs_end; i++) {
        leaf_pair *pair = &decoded->pairs[i];

        if (!pair->is_outside)
            continue;
        if (pair->position < start || extent < SMALLEST || pair->position > extent - SMALLEST ||
            (last != NULL && set_content(decoded, last, pair->position) != 0) ||
            pair->position != (last != NULL ? last->next : start))
            return violated(decoded, "pair %zu: record at %llu", i,
                            (unsigned long long)pair->position);
        last = pair;
    }
    if (last == NULL) /* the first extent starts with the header */
        return extent == start || extent == 0 ? 0
                                              : violated(decoded, "gap before leaf %zu", number);
    const uint64_t tail = extent - TAIL_SIZE;
    const uint64_t size = load(decoded, tail, 4);
    const uint64_t content = last->position + SIZE_FIELD;
    if (size > tail - content || !are_zero(decoded, content + size, tail) ||
        !are_zero(decoded, tail + 4, extent) || tail - content - size >= decoded->leaf_size)
        return violated(decoded, "bytes before leaf %zu", number);
    return set_content(decoded, last, content + size);
}

static int by_position(const void *a, const void *b)
{
    const leaf_pair *const *x = a;
    const leaf_pair *const *y = b;

    return ((*x)->position > (*y)->position) - ((*x)->position < (*y)->position);
}

/* By their size fields, records follow each other without gaps from the header on. */
static int check_sizes(decoded_leaves *decoded)
{
    const leaf_pair **order = must_malloc(decoded->pair_count * sizeof(*order));
    uint64_t expected = HEADER_SIZE;
    int outcome = 0;

    for (size_t i = 0; i < decoded->pair_count; i++)
        order[i] = &decoded->pairs[i];
    qsort(order, decoded->pair_count, sizeof(*order), by_position);
    for (size_t i = 0; i < decoded->pair_count && outcome == 0; i++) {
        if (order[i]->position != expected)
            outcome =
                violated(decoded, "record at %llu instead of %llu",
                         (unsigned long long)order[i]->position, (unsigned long long)expected);
        expected = order[i]->next;
    }
    free(order);
    if (outcome == 0 && expected != decoded->trailer.records_end)
        outcome = violated(decoded, "the last record doesn't extend to the end of the records");
    return outcome;
}

/* ---------------------------------------------------------------- whole files */

static int check_v2_index(decoded_leaves *decoded)
{
    const decoder_layout *layout = &decoded->trailer.layout;
    const size_t width = layout->key_width;

    for (size_t i = 0; i < decoded->trailer.v2_pairs; i++) {
        const uint64_t entry = decoded->trailer.v2_index_start + i * layout->stride;

        if (memcmp(decoded->bytes + entry, decoded->pairs[i].key, width) != 0 ||
            load(decoded, entry + width, 8) != decoded->pairs[i].position ||
            !are_zero(decoded, entry + width + 8, entry + layout->stride))
            return violated(decoded, "entry %zu of the index", i);
    }
    return 0;
}

static int check_properties(decoded_leaves *decoded)
{
    const decoded_trailer *trailer = &decoded->trailer;
    uint32_t min = decoded->pair_count ? UINT32_MAX : 0;
    uint32_t max = 0;
    uint64_t sum = 0;
    size_t above_p99 = 0;

    for (size_t i = 0; i < decoded->pair_count; i++) {
        const uint32_t size = decoded->pairs[i].size;

        min = size < min ? size : min;
        max = size > max ? size : max;
        sum += size;
        above_p99 += size > trailer->value_p99;
    }
    if (decoded->pair_count != trailer->pair_count || min != trailer->value_min ||
        max != trailer->value_max || sum != trailer->value_bytes ||
        above_p99 > decoded->pair_count / 100 || trailer->value_p99 > max)
        return violated(decoded, "properties: pair count or value sizes");
    return 0;
}

static int read_extent(decoded_leaves *decoded, size_t first, uint64_t start)
{
    const size_t in_extent = EXTENT_SIZE / decoded->leaf_size;
    const size_t rest = decoded->leaf_count - first;
    const size_t end = first + (rest < in_extent ? rest : in_extent);

    for (size_t i = first; i < end; i++)
        if (read_leaf_bounds(decoded, i) != 0 || read_entries(decoded, i) != 0 ||
            read_inside(decoded, i) != 0)
            return -1;
    return read_outside(decoded, first, end, start);
}

static int read_extents(decoded_leaves *decoded)
{
    const size_t in_extent = EXTENT_SIZE / decoded->leaf_size;
    uint64_t start = HEADER_SIZE;

    decoded->pairs = must_malloc((size_t)decoded->trailer.pair_count * sizeof(*decoded->pairs));
    for (size_t first = 0; first < decoded->leaf_count; first += in_extent) {
        if (read_extent(decoded, first, start) != 0)
            return -1;
        start = decoded->leaves[first].offset + EXTENT_SIZE;
    }
    return 0;
}

static int check_filter(decoded_leaves *decoded)
{
    filter_keys keys = {must_malloc(decoded->pair_count * sizeof(*keys.keys)),
                        must_malloc((decoded->leaf_count + 1) * sizeof(*keys.first)),
                        decoded->leaf_count};

    for (size_t i = 0; i < decoded->pair_count; i++)
        keys.keys[i] = decoded->pairs[i].key;
    for (size_t i = 0; i < decoded->leaf_count; i++)
        keys.first[i] = decoded->leaves[i].first;
    keys.first[decoded->leaf_count] = decoded->pair_count;
    const int outcome = filter_decoder_check(decoded->bytes, &decoded->trailer, &keys,
                                             decoded->error, sizeof(decoded->error));
    free(keys.keys);
    free(keys.first);
    return outcome;
}

int leaf_decoder_read(const char *path, decoded_leaves *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->bytes = file_read(path, &ret->file_size);
    if (trailer_decode(ret->bytes, ret->file_size, &ret->trailer) != 0)
        return violated(ret, "%s", ret->trailer.error);
    if (ret->trailer.pair_count > ret->file_size)
        return violated(ret, "properties: pair count");
    if (read_leaves_section(ret) != 0 || check_frame(ret) != 0 || place_leaves(ret) != 0 ||
        read_extents(ret) != 0 || check_sizes(ret) != 0 || check_properties(ret) != 0 ||
        check_v2_index(ret) != 0)
        return -1;
    return check_filter(ret);
}

void leaf_decoder_free(decoded_leaves *decoded)
{
    free(decoded->bytes);
    free(decoded->leaves);
    free(decoded->pairs);
    memset(decoded, 0, sizeof(*decoded));
}

bool leaf_decoder_applies(const char *path)
{
    decoded_trailer trailer;
    size_t size;
    unsigned char *bytes = file_read(path, &size);
    const bool applies = trailer_decode(bytes, size, &trailer) == 0 &&
                         trailer_find(&trailer, TRAILER_LEAVES) != NULL;

    free(bytes);
    return applies;
}
