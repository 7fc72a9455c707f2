#include "filter_decoder.h"

#include "trailer_edit.h"

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SEGMENT_SIZE 48
#define SHIFT_MAX    18

typedef struct segment {
    uint64_t first_leaf;
    uint64_t leaves_end;
    uint64_t seed;
    uint64_t blocks;
    unsigned shift;
    unsigned bits;
    const unsigned char *cells;
    uint64_t size; /* of the cells, in bytes */
} segment;

static int violated(char *ret_error, size_t size, uint64_t number, const char *rule)
{
    snprintf(ret_error, size, "filter, segment %llu: %s", (unsigned long long)number, rule);
    return -1;
}

/* The upper half of the product of 64-bit numbers, from products of 32-bit halves. */
static uint64_t high_product(uint64_t a, uint64_t b)
{
    const uint64_t low = 0xffffffffu;
    const uint64_t cross = (a >> 32) * (b & low) + ((a & low) * (b & low) >> 32);
    const uint64_t other = (a & low) * (b >> 32) + (cross & low);

    return (a >> 32) * (b >> 32) + (cross >> 32) + (other >> 32);
}

static uint64_t mixed(uint64_t hash)
{
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
    return hash ^ (hash >> 33);
}

static bool may_contain(const segment *part, const unsigned char *key, size_t width, uint64_t seed)
{
    const uint64_t m = mixed(XXH3_64bits_withSeed(key, width, seed) + part->seed);
    const uint64_t block = (uint64_t)1 << part->shift;
    const uint64_t first = high_product(m, (part->blocks - 3) * block);
    const uint64_t places[4] = {
        first,
        (first + block) ^ ((m >> 36) % block),
        (first + 2 * block) ^ ((m >> 18) % block),
        (first + 3 * block) ^ (m % block),
    };
    const size_t cell = part->bits / 8;
    uint64_t sum = m ^ (m >> 32);

    for (size_t i = 0; i < 4; i++) {
        if (places[i] >= part->blocks * block) /* never, by the formulas */
            return false;
        sum ^= edit_load(part->cells + places[i] * cell, cell);
    }
    return (part->bits == 8 ? sum & 0xff : sum & 0xffff) == 0;
}

/* Reads a segment whose cells must begin at `*cells_end`, and advances that. Returns NULL or the
 * violated rule. */
static const char *read_segment(const unsigned char *bytes, size_t leaf_count,
                                const trailer_section *segments, const trailer_section *cells,
                                uint64_t number, uint64_t *cells_end, segment *ret)
{
    const unsigned char *at = bytes + segments->offset + number * SEGMENT_SIZE;
    const bool is_last = (number + 1) * SEGMENT_SIZE == segments->length;

    ret->first_leaf = edit_load(at, 8);
    ret->leaves_end = is_last ? leaf_count : edit_load(at + SEGMENT_SIZE, 8);
    ret->seed = edit_load(at + 24, 8);
    ret->blocks = edit_load(at + 32, 4);
    ret->shift = (unsigned)edit_load(at + 36, 4);
    ret->bits = (unsigned)edit_load(at + 40, 4);
    if (number == 0 && ret->first_leaf != 0)
        return "does not begin with leaf 0";
    if (ret->first_leaf >= ret->leaves_end || ret->leaves_end > leaf_count)
        return "leaves";
    if (ret->blocks > 0 && ret->blocks < 4)
        return "blocks";
    if (ret->shift > SHIFT_MAX || (ret->bits != 8 && ret->bits != 16) || edit_load(at + 44, 4) != 0)
        return "shift, bits or zero";
    if (ret->blocks << ret->shift > UINT32_MAX)
        return "number of cells";
    ret->size = (ret->blocks << ret->shift) * (ret->bits / 8);
    if (edit_load(at + 8, 8) != *cells_end || ret->size > cells->length - *cells_end)
        return "place of its cells";
    ret->cells = bytes + cells->offset + *cells_end;
    *cells_end += ret->size;
    if (edit_load(at + 16, 8) != XXH3_64bits(ret->cells, (size_t)ret->size))
        return "checksum of its cells";
    return NULL;
}

/* Whether no key in the leaves of a segment is denied. */
static bool holds_its_keys(const decoded_trailer *trailer, const filter_keys *keys,
                           const segment *part)
{
    const size_t width = trailer->layout.key_width;

    if (part->blocks == 0)
        return true;
    for (size_t i = keys->first[part->first_leaf]; i < keys->first[part->leaves_end]; i++)
        if (!may_contain(part, keys->keys[i], width, trailer->record_seed))
            return false;
    return true;
}

int filter_decoder_check(const unsigned char *bytes, const decoded_trailer *trailer,
                         const filter_keys *keys, char *ret_error, size_t size)
{
    const trailer_section *segments = trailer_find(trailer, TRAILER_FILTER);
    const trailer_section *cells = trailer_find(trailer, TRAILER_FILTER_CELLS);
    uint64_t cells_end = 0;
    uint64_t count;

    if (segments == NULL && cells == NULL)
        return 0;
    if (segments == NULL || cells == NULL || !segments->is_optional || !cells->is_optional ||
        segments->length == 0 || segments->length % SEGMENT_SIZE != 0)
        return violated(ret_error, size, 0, "sections");
    count = segments->length / SEGMENT_SIZE;
    for (uint64_t i = 0; i < count; i++) {
        segment part;
        const char *rule =
            read_segment(bytes, keys->leaf_count, segments, cells, i, &cells_end, &part);

        if (rule != NULL)
            return violated(ret_error, size, i, rule);
        if (!holds_its_keys(trailer, keys, &part))
            return violated(ret_error, size, i, "a stored key is absent by it");
    }
    return cells_end == cells->length
               ? 0
               : violated(ret_error, size, count - 1, "bytes after its cells");
}
