/*
 * A decoder of the trailer of native stores, written from FORMAT.md and sharing no code with the
 * library. Checks every rule that does not depend on the layout of records: header tag, footer,
 * directory, offsets and checksums of sections, zeros between them, constant fields of the
 * properties.
 */
#ifndef TEST_TRAILER_DECODER_H
#define TEST_TRAILER_DECODER_H

#include "decoder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRAILER_PROPERTIES = 1,
    TRAILER_FENCES = 2,
    TRAILER_PAGE_CHECKSUMS = 3,
    TRAILER_BLOCK_CHECKSUMS = 4,
    TRAILER_METADATA = 5,
    TRAILER_LEAVES = 6,
    TRAILER_EXTENTS = 7,
    TRAILER_FILTER = 8,
    TRAILER_FILTER_CELLS = 9
};

#define TRAILER_SECTIONS_MAX 64
#define TRAILER_ERROR_MAX    256

typedef struct trailer_section {
    uint32_t type;
    bool is_optional;
    uint64_t offset;
    uint64_t length;
} trailer_section;

typedef struct decoded_trailer {
    trailer_section sections[TRAILER_SECTIONS_MAX]; /* ascending offsets */
    size_t section_count;
    unsigned char store_id[16];
    uint64_t record_seed; /* XXH3-64 of the store id */

    /* From the header. */
    uint64_t v2_pairs;
    uint64_t v2_index_start;

    /* From the properties. */
    decoder_layout layout;
    bool in_key_order;
    bool has_ranges;
    uint64_t pair_count;
    uint64_t records_end;
    uint64_t value_bytes;
    uint32_t value_min;
    uint32_t value_max;
    uint32_t value_p99;

    char error[TRAILER_ERROR_MAX]; /* the violated rule, "" if none */
} decoded_trailer;

/* Decodes and checks the file's bytes. Returns 0, or -1 with ret->error set. */
int trailer_decode(const unsigned char *bytes, size_t size, decoded_trailer *ret);

/* Returns NULL if the store has no such section. */
const trailer_section *trailer_find(const decoded_trailer *trailer, uint32_t type);

/* Offset of the first nonzero byte in [begin, end), `end` if there is none. */
uint64_t trailer_not_zero(const unsigned char *bytes, uint64_t begin, uint64_t end);

#endif
