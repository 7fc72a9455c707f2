/*
 * The image of a native store in memory, for tests to patch: finds the parts of the trailer, and
 * recomputes checksums after a change so that tests reach the checks after those. Written from
 * FORMAT.md, shares no code with the library.
 *
 *   index | sections ... | directory: 32 bytes a section | footer: 96 bytes | end of file
 *   directory entry: 0 u32 type, 4 u32 flags, 8 u64 offset, 16 u64 length, 24 u64 XXH3-64
 *   footer: 0 magic, 8 u32 version, 12 u32 sections, 16 u64 file size, 24 u64 XXH3-64 of the
 *           directory, 32 store id, 48 copy of the header, 72 zero, 88 u64 XXH3-64 of bytes 0..87
 */
#ifndef TEST_TRAILER_EDIT_H
#define TEST_TRAILER_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EDIT_FOOTER_SIZE   96
#define EDIT_ENTRY_SIZE    32
#define EDIT_TYPE          0
#define EDIT_FLAGS         4
#define EDIT_OFFSET        8
#define EDIT_LENGTH        16
#define EDIT_CHECKSUM      24
#define EDIT_SECTION_MAX   9
#define EDIT_PROPERTIES    1
#define EDIT_FENCES        2
#define EDIT_PAGE_SUMS     3
#define EDIT_BLOCK_SUMS    4
#define EDIT_METADATA      5
#define EDIT_LEAVES        6 /* clustered stores, instead of 3 and 4 */
#define EDIT_EXTENTS       7
#define EDIT_FILTER        8
#define EDIT_FILTER_CELLS  9
#define EDIT_FLAG_OPTIONAL 1

typedef struct store_image {
    unsigned char *bytes;
    size_t size;
    uint32_t stride;
} store_image;

uint64_t edit_load(const unsigned char *bytes, size_t width);
void edit_store(unsigned char *bytes, size_t width, uint64_t number);

/* The file must be a valid native store. */
void image_load(const char *path, store_image *ret_image);
void image_save(const store_image *image, const char *path);
void image_free(store_image *image);
store_image image_copy(const store_image *image);

size_t image_index_start(const store_image *image);
size_t image_index_end(const store_image *image);
size_t image_footer(const store_image *image);
size_t image_directory(const store_image *image);
/* Offset of the directory entry and of the contents of the section of this type. */
size_t image_entry(const store_image *image, uint32_t type);
size_t image_section(const store_image *image, uint32_t type);
size_t image_section_length(const store_image *image, uint32_t type);
bool image_has(const store_image *image, uint32_t type);

/* Of a clustered store: number of leaves, their size, offset of a leaf. */
size_t image_leaf_count(const store_image *image);
size_t image_leaf_size(const store_image *image);
size_t image_leaf(const store_image *image, size_t number);

/* Replaces `removed` bytes by `size` others. Offsets and checksums are not adjusted. */
void image_splice(store_image *image, size_t offset, size_t removed, const void *bytes,
                  size_t size);
/* Appends a directory entry and updates the count and file size in the footer. */
void image_add_entry(store_image *image, uint32_t type, uint32_t flags, uint64_t offset,
                     uint64_t length);

/* Each recomputes one kind of checksum. Later ones cover earlier ones: pages (of the index, or
 * leaves), blocks (or the start of the file), sections, directory, footer. The header's tag is
 * separate, and the footer has a copy of the header. */
void image_repair_pages(store_image *image);
void image_repair_blocks(store_image *image);
void image_repair_sections(store_image *image);
void image_repair_directory(store_image *image);
void image_repair_footer(store_image *image);
void image_repair_header(store_image *image);
/* Recomputes all, in order. */
void image_repair(store_image *image);

#endif
