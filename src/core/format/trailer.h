/*
 * The trailer that makes a store native: sections, a directory of them, and a footer, written after
 * the index. Readers of the base format ignore it. FORMAT.md describes it byte by byte.
 *
 *     index ... | section | section | ... | directory | footer (96 bytes) | end of file
 */
#ifndef IKV_TRAILER_H
#define IKV_TRAILER_H

#include "core/format/format.h"

#define IKV_TRAILER_VERSION     1
#define IKV_FOOTER_SIZE         96
#define IKV_FOOTER_ZERO         72 /* [72, 88) is zero in this version */
#define IKV_FOOTER_ZERO_END     88
#define IKV_SECTION_ENTRY_SIZE  32
#define IKV_SECTIONS_MAX        64
#define IKV_SECTION_ALIGN       8
#define IKV_METADATA_MAX        (1u << 20)
#define IKV_PAGE_CHECKSUM_SIZE  4
#define IKV_BLOCK_SIZE          (1u << 20) /* of the record area, for the checksums that scans use */
#define IKV_BLOCK_CHECKSUM_SIZE 8

enum ikv_section_type {
    IKV_SECTION_PROPERTIES = 1,
    IKV_SECTION_FENCES = 2,          /* first key of every index page */
    IKV_SECTION_PAGE_CHECKSUMS = 3,  /* u32 for every index page */
    IKV_SECTION_BLOCK_CHECKSUMS = 4, /* u64 for every 1 MiB of [24, index_start) */
    IKV_SECTION_METADATA = 5,
    IKV_SECTION_LEAVES = 6,       /* of a clustered store: struct ikv_leaves */
    IKV_SECTION_EXTENTS = 7,      /* u64 for every extent: its file offset */
    IKV_SECTION_FILTER = 8,       /* an entry for every segment, see filter.h */
    IKV_SECTION_FILTER_CELLS = 9, /* the cells of all segments */
    IKV_SECTION_LAST = IKV_SECTION_FILTER_CELLS
};

/* A reader that does not know the section type may ignore the section. */
#define IKV_SECTION_OPTIONAL 1u

struct ikv_section {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t length;
    uint64_t checksum; /* of the content */
};

void ikv_section_encode(const struct ikv_section *section,
                        unsigned char out[IKV_SECTION_ENTRY_SIZE]);
void ikv_section_decode(const unsigned char in[IKV_SECTION_ENTRY_SIZE], struct ikv_section *ret);

/* The directory ends where the footer begins. */
struct ikv_footer {
    uint32_t version;
    uint32_t sections;
    uint64_t file_size;
    uint64_t directory_checksum;
    unsigned char store_id[16];
    unsigned char header[IKV_HEADER_SIZE]; /* copy of the header this footer belongs to */
};

void ikv_footer_encode(const struct ikv_footer *footer, unsigned char out[IKV_FOOTER_SIZE]);

enum ikv_footer_check {
    IKV_FOOTER_ABSENT,  /* no magic */
    IKV_FOOTER_DAMAGED, /* magic, but the checksum is wrong */
    IKV_FOOTER_VALID
};
enum ikv_footer_check ikv_footer_decode(const unsigned char in[IKV_FOOTER_SIZE],
                                        struct ikv_footer *ret);

#define IKV_PROPERTIES_SIZE       96
#define IKV_PROPERTY_IN_KEY_ORDER 1u
#define IKV_PROPERTY_RANGES                                                                        \
    2u /* the last `width` bytes of each value are a range's                                       \
              last key */

/* Stores of ranges have keys of at most this width, so that two of them make a key. */
#define IKV_RANGE_WIDTH_MAX (IKV_KEY_WIDTH_MAX / 2)

struct ikv_properties {
    ikv_key_type key_type;
    uint32_t flags;
    uint32_t stride;
    uint64_t pair_count;
    uint64_t records_end;
    uint64_t value_bytes;
    uint32_t value_size_min;
    uint32_t value_size_max;
    uint32_t value_size_p99;
};

void ikv_properties_encode(const struct ikv_properties *properties,
                           unsigned char out[IKV_PROPERTIES_SIZE]);
/* 0; IKV_E_SECTION: invalid; IKV_E_UNSUPPORTED: valid, but unknown to this version. A longer
 * section is accepted, since later versions may append fields. */
int ikv_properties_decode(const unsigned char *in, size_t size, struct ikv_properties *ret);

/* The leaves of a clustered store. */
#define IKV_LEAVES_SIZE 64

struct ikv_leaves {
    uint32_t leaf_size;
    uint32_t extent_leaves;
    uint64_t count;
    bool has_index;         /* of the base format */
    uint64_t head_checksum; /* of the file's bytes from 24 to 4095 */
};

void ikv_leaves_encode(const struct ikv_leaves *leaves, unsigned char out[IKV_LEAVES_SIZE]);
/* As ikv_properties_decode. */
int ikv_leaves_decode(const unsigned char *in, size_t size, struct ikv_leaves *ret);

/* Number of 1 MiB blocks that [24, index_start) overlaps. */
static inline uint64_t ikv_block_count(uint64_t index_start)
{
    return (index_start + IKV_BLOCK_SIZE - 1) / IKV_BLOCK_SIZE;
}

#endif
