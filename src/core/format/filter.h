/*
 * Filters of absent keys: binary fuse filters with four blocks a key (Graf and Lemire, "Binary Fuse
 * Filters: Fast and Smaller Than Xor Filters", 2022). A clustered store may have one for every
 * 65,536 keys or so, a *segment*, cut at leaves: so they are built in bounded memory, and loaded as
 * far as memory goes. Each key has four cells; the exclusive or of what is in them is its
 * fingerprint. A key that is not in the segment is taken for one with a probability of 2^-bits.
 *
 * A cell has 8 or 16 bits; there are 1.14 cells a key.
 */
#ifndef IKV_FILTER_H
#define IKV_FILTER_H

#include "core/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define IKV_FILTER_ENTRY_SIZE   48
#define IKV_FILTER_SEGMENT_KEYS 65536u

/* A segment, as the directory describes it. */
struct ikv_filter_segment {
    uint64_t first_leaf; /* it has the keys of this leaf up to the next segment's first */
    uint64_t offset;     /* of its cells in the section of cells */
    uint64_t checksum;   /* of its cells */
    uint64_t seed;
    uint32_t blocks;      /* 0: it has no cells, and every key may be there */
    uint32_t block_shift; /* a block has 1 << block_shift cells */
    uint32_t bits;
};

void ikv_filter_segment_encode(const struct ikv_filter_segment *segment,
                               unsigned char out[IKV_FILTER_ENTRY_SIZE]);
/* False: it is not possible. */
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
/* Bytes of its cells. */
static inline uint64_t ikv_filter_size(const struct ikv_filter_segment *segment)
{
    return ikv_filter_cells(segment) * (segment->bits / 8);
}

/* What a filter knows of a key: XXH3-64 of its stored form, seeded with the record seed. */
uint64_t ikv_filter_hash(uint64_t record_seed, const void *stored_key, size_t width);

/* Whether the key with this hash may be in the segment. */
bool ikv_filter_may_contain(const struct ikv_filter_segment *segment, const unsigned char *cells,
                            uint64_t hash);

/* Build the cells of `count` keys. *ret_cells is to be freed; NULL if they could not be placed, as
 * when two hashes are the same: then the segment has no cells. Sets all of *ret but first_leaf and
 * offset. The same hashes give the same bytes. -ENOMEM. */
int ikv_filter_build(const uint64_t *hashes, uint32_t count, uint32_t bits,
                     struct ikv_filter_segment *ret, unsigned char **ret_cells);

#endif
