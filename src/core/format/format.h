/*
 * The base format ("v2"): header, records, index. FORMAT.md describes it byte by byte.
 *
 *     0            header, 24 bytes
 *     24           records: u32 size, size bytes; no gaps
 *                  (ours: zero padding up to a multiple of 4096)
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
    unsigned char
        tag[IKV_HEADER_TAG_SIZE]; /* undefined in the crate's files; ours: ikv_header_tag */
};

void ikv_header_encode(const struct ikv_header *header, unsigned char out[IKV_HEADER_SIZE]);
void ikv_header_decode(const unsigned char in[IKV_HEADER_SIZE], struct ikv_header *ret);

/* The tag that marks a header as ours: 5 bytes that depend on the 19 before them. The crate writes
 * only those 19, so the tag does not match any more once it has rewritten a file in place. */
void ikv_header_tag(const struct ikv_header *header, unsigned char tag[IKV_HEADER_TAG_SIZE]);
bool ikv_header_is_native(const struct ikv_header *header);

/*
 * Where the index is and how it is cut into pages. Page p consists of the entries whose first byte
 * lies in the p-th slice of the index, a slice being 4096 bytes. If the stride divides 4096 that is
 * the slice itself; if it does not (24, 40, ...), the last entry of a page reaches into the next
 * slice, so that a page is always whole entries and one contiguous read of less than 4096 + stride
 * bytes.
 *
 * For probes of single entries the same index is cut into slices of one stride: page p is entry p.
 */
struct ikv_geometry {
    struct ikv_key_info key;
    uint32_t stride;
    uint32_t slice; /* bytes: IKV_PAGE_SIZE or stride */
    uint32_t even;  /* entries of each page, if the stride divides the slice; or 0 */
    uint64_t index_start;
    uint64_t count; /* entries */
    uint64_t pages;
};

/* Cut into pages of 4096 bytes. Requires index_start + count * stride to lie inside the file (so
 * nothing below can wrap). */
void ikv_geometry_set(struct ikv_geometry *geometry, const struct ikv_key_info *key,
                      uint32_t stride, uint64_t index_start, uint64_t count);

/* The same index, cut into single entries. */
struct ikv_geometry ikv_geometry_of_entries(const struct ikv_geometry *geometry);

/* Number of the first entry of page p; for p == pages: count. */
static inline uint64_t ikv_page_first_entry(const struct ikv_geometry *geometry, uint64_t page)
{
    uint64_t entry =
        geometry->even /* divisions are slow, and this is asked for several times a read */
            ? page * geometry->even
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

/* Where page p begins; for p == pages: where the index ends. */
static inline uint64_t ikv_page_offset(const struct ikv_geometry *geometry, uint64_t page)
{
    return ikv_entry_offset(geometry, ikv_page_first_entry(geometry, page));
}

/* Position field of an entry. */
static inline uint64_t ikv_entry_position(const struct ikv_key_info *key,
                                          const unsigned char *entry)
{
    return ikv_load64(entry + key->width);
}

/* A stored key and position -> entry of `stride` bytes, padding zero. */
void ikv_entry_encode_stored(const struct ikv_key_info *key, uint32_t stride,
                             const unsigned char *stored_key, uint64_t position,
                             unsigned char *out);
/* key (words) and position -> entry of `stride` bytes, padding zero. */
void ikv_entry_encode(const struct ikv_key_info *key, uint32_t stride, const uint64_t *words,
                      uint64_t position, unsigned char *out);

#endif
