/*
 * Filters of absent keys: binary fuse filters of arity four (Graf and Lemire, "Binary Fuse Filters:
 * Fast and Smaller Than Xor Filters", 2022). A clustered store may have one for each *segment*,
 * about 65,536 keys in whole leaves. So filters are built in bounded memory, and only some of them
 * need be loaded. Each key has four cells, whose exclusive or is its fingerprint. The probability
 * of a false positive is 2^-bits.
 *
 * A cell has 8 or 16 bits; there are 1.14 cells per key.
 */
#ifndef IKV_FILTER_H
#define IKV_FILTER_H

#include "core/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define IKV_FILTER_ENTRY_SIZE   48
#define IKV_FILTER_SEGMENT_KEYS 65536u

/* An entry of the directory of segments. */
struct ikv_filter_segment {
    uint64_t first_leaf; /* of the segment, which ends at the next one's first leaf */
    uint64_t offset;     /* of the cells in the section of cells */
    uint64_t checksum;   /* of the cells */
    uint64_t seed;
    uint32_t blocks;      /* 0: no cells, every key may be present */
    uint32_t block_shift; /* a block has 1 << block_shift cells */
    uint32_t bits;
};

void ikv_filter_segment_encode(const struct ikv_filter_segment *segment,
                               unsigned char out[IKV_FILTER_ENTRY_SIZE]);
/* False: invalid. */
bool ikv_filter_segment_decode(const unsigned char in[IKV_FILTER_ENTRY_SIZE],
                               struct ikv_filter_segment *ret);

static inline bool ikv_filter_bits_are_valid(uint32_t bits)
{
    return bits == 8 || bits == 16;
}
static inline uint64_t ikv_filter_cells(const struct ikv_filter_segment *segment)
{
    return (uint64_t)segment->blocks << segment->block_shift;
}
/* Size of the cells in bytes. */
static inline uint64_t ikv_filter_size(const struct ikv_filter_segment *segment)
{
    return ikv_filter_cells(segment) * (segment->bits / 8);
}

/* Hash of a key for filters: XXH3-64 of its stored form, seeded with the record seed. */
uint64_t ikv_filter_hash(uint64_t record_seed, const void *stored_key, size_t width);

/* Whether the key with this hash may be in the segment. */
bool ikv_filter_may_contain(const struct ikv_filter_segment *segment, const unsigned char *cells,
                            uint64_t hash);

/* Build the cells of `count` keys. The caller frees *ret_cells; NULL: building failed, as with two
 * equal hashes, and the segment has no cells. Sets all of *ret except first_leaf and offset.
 * Deterministic. -ENOMEM. */
int ikv_filter_build(const uint64_t *hashes, uint32_t count, uint32_t bits,
                     struct ikv_filter_segment *ret, unsigned char **ret_cells);

#endif
