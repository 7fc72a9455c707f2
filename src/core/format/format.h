/*
 * The base format ("v2"): header, records, index. FORMAT.md describes it byte by byte.
 *
 *     0            header, 24 bytes
 *     24           records: u32 size, size bytes; no gaps
 *                  (native: then zero padding up to a multiple of 4096)
 *     index_start  pair_count entries of `stride` bytes: key, u64 position, padding
 */
#ifndef IKV_FORMAT_H
#define IKV_FORMAT_H

#include "core/key/key.h"

#define IKV_FORMAT_VERSION     2
#define IKV_HEADER_SIZE        24
#define IKV_HEADER_TAG_SIZE    5
#define IKV_RECORD_HEADER_SIZE 4
#define IKV_PAGE_SIZE          4096
#define IKV_STRIDE_MAX         (IKV_KEY_WIDTH_MAX + 8)

struct ikv_header {
    uint16_t version;
    uint8_t completed;
    uint64_t pair_count;
    uint64_t index_start;
    unsigned char tag[IKV_HEADER_TAG_SIZE]; /* native: ikv_header_tag; plain: undefined */
};

void ikv_header_encode(const struct ikv_header *header, unsigned char out[IKV_HEADER_SIZE]);
void ikv_header_decode(const unsigned char in[IKV_HEADER_SIZE], struct ikv_header *ret);

/* The tag that marks a header as native, that is, written by this library: a hash of the 19 bytes
 * before it. The crate writes only those 19, so when it rewrites a file in place the tag no longer
 * matches. */
void ikv_header_tag(const struct ikv_header *header, unsigned char tag[IKV_HEADER_TAG_SIZE]);
bool ikv_header_is_native(const struct ikv_header *header);

/*
 * Where the index is and how it is divided into pages. A slice is 4096 bytes; page p consists of
 * the entries that begin in slice p of the index. If the stride does not divide 4096 (24, 40, ...),
 * the last entry of a page reaches into the next slice. So a page always holds whole entries and
 * takes one contiguous read of less than 4096 + stride bytes.
 *
 * For probes of single entries a slice is one stride: page p is entry p.
 */
struct ikv_geometry {
    struct ikv_key_info key;
    uint32_t stride;
    uint32_t slice;            /* bytes: IKV_PAGE_SIZE or stride */
    uint32_t entries_per_page; /* 0: it varies, since the stride does not divide the slice */
    uint64_t index_start;
    uint64_t count; /* entries */
    uint64_t pages;

    /* Pages may be leaves (leaf.h); then `stride` and `slice` are those of a leaf. */
    uint32_t leaf_size;      /* 0: pages are not leaves */
    uint32_t extent_shift;   /* an extent has 1 << extent_shift leaves */
    const uint64_t *extents; /* file offsets; NULL: leaf p is at p * leaf_size */
    uint64_t extent_count;
    uint64_t seed; /* of the leaves' checksums */
};

/* Pages of 4096 bytes. index_start + count * stride must not exceed the file size, so that nothing
 * below can wrap. */
void ikv_geometry_set(struct ikv_geometry *geometry, const struct ikv_key_info *key,
                      uint32_t stride, uint64_t index_start, uint64_t count);

/* The same index with pages of one entry. */
struct ikv_geometry ikv_geometry_of_entries(const struct ikv_geometry *geometry);

/* Number of the first entry of page p; for p == pages: count. */
static inline uint64_t ikv_page_first_entry(const struct ikv_geometry *geometry, uint64_t page)
{
    /* Called several times per read, so avoid the division where possible. */
    uint64_t entry = geometry->entries_per_page
                         ? page * geometry->entries_per_page
                         : (page * geometry->slice + geometry->stride - 1) / geometry->stride;
    return entry < geometry->count ? entry : geometry->count;
}

static inline uint64_t ikv_page_of_entry(const struct ikv_geometry *geometry, uint64_t entry)
{
    return entry * geometry->stride / geometry->slice;
}

static inline uint64_t ikv_entry_offset(const struct ikv_geometry *geometry, uint64_t entry)
{
    return geometry->index_start + entry * geometry->stride;
}

/* File offset of leaf p. */
static inline uint64_t ikv_leaf_offset(const struct ikv_geometry *geometry, uint64_t leaf)
{
    if (!geometry->extents)
        return leaf * geometry->leaf_size;
    const uint64_t mask = ((uint64_t)1 << geometry->extent_shift) - 1;
    return geometry->extents[leaf >> geometry->extent_shift] + (leaf & mask) * geometry->leaf_size;
}

/* The leaf that contains a file offset, which must be in one. */
static inline uint64_t ikv_leaf_at(const struct ikv_geometry *geometry, uint64_t offset)
{
    uint64_t low = 0;
    uint64_t high = geometry->extent_count;

    if (!geometry->extents)
        return offset / geometry->leaf_size;
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (geometry->extents[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return (low << geometry->extent_shift) +
           (offset - geometry->extents[low]) / geometry->leaf_size;
}

/* File offset of page p; for p == pages, if pages are not leaves: of the end of the index. */
static inline uint64_t ikv_page_offset(const struct ikv_geometry *geometry, uint64_t page)
{
    if (geometry->leaf_size)
        return ikv_leaf_offset(geometry, page);
    return ikv_entry_offset(geometry, ikv_page_first_entry(geometry, page));
}

/* Size of `count` pages that are adjacent in the file. */
static inline uint64_t ikv_pages_size(const struct ikv_geometry *geometry, uint64_t first,
                                      uint64_t count)
{
    if (geometry->leaf_size)
        return count * geometry->leaf_size;
    return ikv_page_offset(geometry, first + count) - ikv_page_offset(geometry, first);
}

/* Whether a page starts where the previous one ends. */
static inline bool ikv_page_adjoins(const struct ikv_geometry *geometry, uint64_t page)
{
    return !geometry->extents || (page & (((uint64_t)1 << geometry->extent_shift) - 1)) != 0;
}

/* Position field of an entry of the index. */
static inline uint64_t ikv_entry_position(const struct ikv_key_info *key,
                                          const unsigned char *entry)
{
    return ikv_load64(entry + key->width);
}

/* A stored key and position -> entry of `stride` bytes, padding zero. */
void ikv_entry_encode_stored(const struct ikv_key_info *key, uint32_t stride,
                             const unsigned char *stored_key, uint64_t position,
                             unsigned char *out);
/* A key in words and position -> entry of `stride` bytes, padding zero. */
void ikv_entry_encode(const struct ikv_key_info *key, uint32_t stride, const uint64_t *words,
                      uint64_t position, unsigned char *out);

#endif
