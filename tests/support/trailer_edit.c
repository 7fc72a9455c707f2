#include "trailer_edit.h"

#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEADER_SIZE  24
#define TAGGED_SIZE  19 /* bytes of the header covered by its tag, the last 5 bytes */
#define PAGE_SIZE    4096
#define BLOCK_SIZE   (1u << 20)
#define EXTENT_SIZE  (1u << 20)
#define LEAF_FOOTER  16
#define FOOTER_MAGIC "IKVTRAIL"

uint64_t edit_load(const unsigned char *bytes, size_t width)
{
    uint64_t number = 0;

    for (size_t i = width; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

void edit_store(unsigned char *bytes, size_t width, uint64_t number)
{
    for (size_t i = 0; i < width; i++)
        bytes[i] = (unsigned char)(number >> (8 * i) & 0xff);
}

/* ---------------------------------------------------------------- places */

size_t image_index_start(const store_image *image)
{
    return (size_t)edit_load(image->bytes + 11, 8);
}

size_t image_index_end(const store_image *image)
{
    return image_index_start(image) + (size_t)edit_load(image->bytes + 3, 8) * image->stride;
}

size_t image_footer(const store_image *image)
{
    return image->size - EDIT_FOOTER_SIZE;
}

static size_t section_count(const store_image *image)
{
    return (size_t)edit_load(image->bytes + image_footer(image) + 12, 4);
}

size_t image_directory(const store_image *image)
{
    return image_footer(image) - section_count(image) * EDIT_ENTRY_SIZE;
}

static bool find_entry(const store_image *image, uint32_t type, size_t *ret)
{
    for (size_t i = 0; i < section_count(image); i++) {
        *ret = image_directory(image) + i * EDIT_ENTRY_SIZE;
        if (edit_load(image->bytes + *ret + EDIT_TYPE, 4) == type)
            return true;
    }
    return false;
}

bool image_has(const store_image *image, uint32_t type)
{
    size_t entry;

    return find_entry(image, type, &entry);
}

size_t image_entry(const store_image *image, uint32_t type)
{
    size_t entry;

    if (!find_entry(image, type, &entry))
        test_die("the image has no section of type %u", (unsigned)type);
    return entry;
}

size_t image_section(const store_image *image, uint32_t type)
{
    return (size_t)edit_load(image->bytes + image_entry(image, type) + EDIT_OFFSET, 8);
}

size_t image_section_length(const store_image *image, uint32_t type)
{
    return (size_t)edit_load(image->bytes + image_entry(image, type) + EDIT_LENGTH, 8);
}

size_t image_leaf_count(const store_image *image)
{
    return (size_t)edit_load(image->bytes + image_section(image, EDIT_LEAVES) + 8, 8);
}

size_t image_leaf_size(const store_image *image)
{
    return (size_t)edit_load(image->bytes + image_section(image, EDIT_LEAVES), 4);
}

size_t image_leaf(const store_image *image, size_t number)
{
    const size_t leaf_size = image_leaf_size(image);
    const size_t in_extent = EXTENT_SIZE / leaf_size;
    size_t extent = number / in_extent * EXTENT_SIZE;

    if (image_has(image, EDIT_EXTENTS))
        extent = (size_t)edit_load(
            image->bytes + image_section(image, EDIT_EXTENTS) + 8 * (number / in_extent), 8);
    return extent + number % in_extent * leaf_size;
}

/* ---------------------------------------------------------------- images */

void image_load(const char *path, store_image *ret_image)
{
    ret_image->bytes = file_read(path, &ret_image->size);
    if (ret_image->size < HEADER_SIZE + EDIT_FOOTER_SIZE ||
        memcmp(ret_image->bytes + image_footer(ret_image), FOOTER_MAGIC, 8) != 0)
        test_die("%s is not a native store", path);
    ret_image->stride =
        (uint32_t)edit_load(ret_image->bytes + image_section(ret_image, EDIT_PROPERTIES) + 4, 4);
}

void image_save(const store_image *image, const char *path)
{
    file_write(path, image->bytes, image->size);
}

void image_free(store_image *image)
{
    free(image->bytes);
    image->bytes = NULL;
}

store_image image_copy(const store_image *image)
{
    store_image copy = *image;

    copy.bytes = must_malloc(image->size);
    memcpy(copy.bytes, image->bytes, image->size);
    return copy;
}

void image_splice(store_image *image, size_t offset, size_t removed, const void *bytes, size_t size)
{
    size_t rest = image->size - offset - removed;
    unsigned char *whole = must_malloc(offset + size + rest);

    memcpy(whole, image->bytes, offset);
    memcpy(whole + offset, bytes, size);
    memcpy(whole + offset + size, image->bytes + offset + removed, rest);
    free(image->bytes);
    image->bytes = whole;
    image->size = offset + size + rest;
}

void image_add_entry(store_image *image, uint32_t type, uint32_t flags, uint64_t offset,
                     uint64_t length)
{
    unsigned char entry[EDIT_ENTRY_SIZE] = {0};
    unsigned char *footer;

    edit_store(entry + EDIT_TYPE, 4, type);
    edit_store(entry + EDIT_FLAGS, 4, flags);
    edit_store(entry + EDIT_OFFSET, 8, offset);
    edit_store(entry + EDIT_LENGTH, 8, length);
    image_splice(image, image_footer(image), 0, entry, sizeof(entry));
    footer = image->bytes + image_footer(image);
    edit_store(footer + 12, 4, edit_load(footer + 12, 4) + 1);
    edit_store(footer + 16, 8, image->size);
}

/* ---------------------------------------------------------------- repairs */

/* The checksum of a leaf covers its directory and footer, whose size is in the footer: 0 u16
 * entries, 2 u16 positions. */
static void repair_leaf(const store_image *image, size_t number)
{
    const size_t leaf_size = image_leaf_size(image);
    const size_t width = image->bytes[image_section(image, EDIT_PROPERTIES) + 1];
    const size_t offset = image_leaf(image, number);
    unsigned char bytes[8];

    if (offset > image->size || leaf_size > image->size - offset)
        return;
    unsigned char *footer = image->bytes + offset + leaf_size - LEAF_FOOTER;
    const size_t directory =
        (size_t)(edit_load(footer, 2) * (width + 2) + edit_load(footer + 2, 2) * 8);
    if (directory > leaf_size - LEAF_FOOTER)
        return;
    edit_store(bytes, sizeof(bytes), number);
    const uint64_t store = XXH3_64bits(image->bytes + image_footer(image) + 32, 16);
    const uint64_t seed = XXH3_64bits_withSeed(bytes, sizeof(bytes), store);
    edit_store(footer + 8, 8, XXH3_64bits_withSeed(footer - directory, directory + 8, seed));
}

/* A page has the entries that begin in 4096 bytes of the index. Its checksum is the low 32 bits of
 * XXH3-64. */
static void repair_index(store_image *image)
{
    size_t sums = image_section(image, EDIT_PAGE_SUMS);
    size_t pages = image_section_length(image, EDIT_PAGE_SUMS) / 4;
    size_t start = image_index_start(image);
    size_t end = image_index_end(image);

    for (size_t page = 0; page < pages; page++) {
        size_t first = (page * PAGE_SIZE + image->stride - 1) / image->stride * image->stride;
        size_t next = ((page + 1) * PAGE_SIZE + image->stride - 1) / image->stride * image->stride;

        if (start + next > end)
            next = end - start;
        edit_store(image->bytes + sums + 4 * page, 4,
                   XXH3_64bits(image->bytes + start + first, next - first));
    }
}

void image_repair_pages(store_image *image)
{
    if (!image_has(image, EDIT_LEAVES)) {
        repair_index(image);
        return;
    }
    for (size_t i = 0; i < image_leaf_count(image); i++)
        repair_leaf(image, i);
}

/* Blocks are split at file offsets that are multiples of 1 MiB. The first begins after the header,
 * the last ends at the index. */
static void repair_blocks(store_image *image)
{
    size_t sums = image_section(image, EDIT_BLOCK_SUMS);
    size_t blocks = image_section_length(image, EDIT_BLOCK_SUMS) / 8;

    for (size_t block = 0; block < blocks; block++) {
        size_t first = block == 0 ? HEADER_SIZE : block * BLOCK_SIZE;
        size_t next = (block + 1) * BLOCK_SIZE;

        if (next > image_index_start(image))
            next = image_index_start(image);
        edit_store(image->bytes + sums + 8 * block, 8,
                   XXH3_64bits(image->bytes + first, next - first));
    }
}

void image_repair_blocks(store_image *image)
{
    if (!image_has(image, EDIT_LEAVES)) {
        repair_blocks(image);
        return;
    }
    edit_store(image->bytes + image_section(image, EDIT_LEAVES) + 24, 8,
               XXH3_64bits(image->bytes + HEADER_SIZE, PAGE_SIZE - HEADER_SIZE));
}

void image_repair_sections(store_image *image)
{
    for (size_t i = 0; i < section_count(image); i++) {
        unsigned char *entry = image->bytes + image_directory(image) + i * EDIT_ENTRY_SIZE;
        uint64_t offset = edit_load(entry + EDIT_OFFSET, 8);
        uint64_t length = edit_load(entry + EDIT_LENGTH, 8);

        if (offset <= image->size && length <= image->size - offset)
            edit_store(entry + EDIT_CHECKSUM, 8, XXH3_64bits(image->bytes + offset, length));
    }
}

void image_repair_directory(store_image *image)
{
    size_t directory = image_directory(image);
    size_t footer = image_footer(image);

    edit_store(image->bytes + footer + 24, 8,
               XXH3_64bits(image->bytes + directory, footer - directory));
}

void image_repair_footer(store_image *image)
{
    unsigned char *footer = image->bytes + image_footer(image);

    edit_store(footer + 88, 8, XXH3_64bits(footer, 88));
}

void image_repair_header(store_image *image)
{
    edit_store(image->bytes + TAGGED_SIZE, HEADER_SIZE - TAGGED_SIZE,
               XXH3_64bits(image->bytes, TAGGED_SIZE));
    memcpy(image->bytes + image_footer(image) + 48, image->bytes, HEADER_SIZE);
}

void image_repair(store_image *image)
{
    image_repair_pages(image);
    image_repair_blocks(image);
    image_repair_sections(image);
    image_repair_directory(image);
    image_repair_header(image);
    image_repair_footer(image);
}
