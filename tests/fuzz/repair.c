#include "repair.h"

#include "trailer_edit.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEADER_SIZE   24
#define TAGGED_SIZE   19
#define PAGE_SIZE     4096u
#define BLOCK_SIZE    (1u << 20)
#define LEAF_FOOTER   16u
#define SECTIONS_MAX  64
#define FILTER        8
#define FILTER_CELLS  9
#define FILTER_ENTRY  48u
#define RECORDS_MAX   4096 /* so that a large count in the header costs no time */
#define OUTSIDE_PLACE 0x8000u

typedef struct part {
    uint64_t offset;
    uint64_t length; /* 0: there is no such section, or it is not inside the file */
} part;

typedef struct patient {
    uint8_t *bytes;
    uint64_t size;
    uint64_t footer;
    uint64_t directory;
    uint64_t sections;
    part part[FILTER_CELLS + 1];
    uint64_t seed; /* of records */
    uint64_t width;
    uint64_t stride;
} patient;

static uint64_t load(const patient *store, uint64_t offset, size_t width)
{
    return edit_load(store->bytes + offset, width);
}

static int is_inside(const patient *store, uint64_t offset, uint64_t size)
{
    return offset <= store->size && size <= store->size - offset;
}

/* ---------------------------------------------------------------- records */

/* The record of the key at `key`, whose content ends before `limit` at the latest. */
static void repair_record(patient *store, const uint8_t *key, uint64_t position, uint64_t limit)
{
    if (!is_inside(store, position, 8) || position < HEADER_SIZE || limit > store->size ||
        limit < position + 8)
        return;
    uint64_t size = load(store, position, 4);
    if (size > limit - position - 4)
        size = limit - position - 4;
    if (size < 4)
        return;
    const uint64_t seed = XXH3_64bits_withSeed(key, store->width, store->seed);
    edit_store(store->bytes + position + size, 4,
               XXH3_64bits_withSeed(store->bytes + position + 4, size - 4, seed) & 0xffffffffu);
}

static void repair_arrival_records(patient *store)
{
    const uint64_t start = load(store, 11, 8);
    const uint64_t count = load(store, 3, 8);

    for (uint64_t i = 0; i < count && i < RECORDS_MAX; i++) {
        const uint64_t entry = start + i * store->stride;
        if (start > store->size || !is_inside(store, entry, store->width + 8))
            return;
        repair_record(store, store->bytes + entry, load(store, entry + store->width, 8), start);
    }
}

static void repair_leaf(patient *store, uint64_t number, uint64_t offset, uint64_t leaf_size)
{
    uint8_t *leaf = store->bytes + offset;
    uint8_t *footer = leaf + leaf_size - LEAF_FOOTER;
    const uint64_t count = edit_load(footer, 2);
    const uint64_t outside = edit_load(footer + 2, 2);
    const uint64_t records_end = edit_load(footer + 4, 2);
    const uint64_t entries_size = count * (store->width + 2);
    uint8_t bytes[8];

    if (entries_size + outside * 8 > leaf_size - LEAF_FOOTER || records_end > leaf_size)
        return;
    const uint8_t *entries = footer - entries_size;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *key = entries + i * (store->width + 2);
        const uint64_t place = edit_load(key + store->width, 2);
        if (!(place & OUTSIDE_PLACE))
            repair_record(store, key, offset + place, offset + records_end);
        else if ((place & ~(uint64_t)OUTSIDE_PLACE) < outside) {
            const uint8_t *at = entries - outside * 8 + (place & ~(uint64_t)OUTSIDE_PLACE) * 8;
            repair_record(store, key, edit_load(at, 8), offset);
        }
    }
    edit_store(bytes, sizeof(bytes), number);
    const uint64_t seed = XXH3_64bits_withSeed(bytes, sizeof(bytes), store->seed);
    edit_store(footer + 8, 8,
               XXH3_64bits_withSeed(footer - entries_size - outside * 8,
                                    entries_size + outside * 8 + 8, seed));
}

/* Leaves in one extent, or in extents of one leaf: small stores, such as fuzzers use. */
static void repair_leaves(patient *store)
{
    const part *leaves = &store->part[EDIT_LEAVES];
    const part *extents = &store->part[EDIT_EXTENTS];
    const uint64_t leaf_size = load(store, leaves->offset, 4);
    const uint64_t count = load(store, leaves->offset + 8, 8);
    uint64_t start = 0;

    if (leaf_size < PAGE_SIZE || leaf_size > 32768)
        return;
    if (extents->length >= 8)
        start = load(store, extents->offset, 8);
    for (uint64_t i = 0; i < count && i < BLOCK_SIZE / leaf_size; i++) {
        if (start > store->size || !is_inside(store, start + i * leaf_size, leaf_size))
            break;
        repair_leaf(store, i, start + i * leaf_size, leaf_size);
    }
    if (store->size > PAGE_SIZE && leaves->length >= 32)
        edit_store(store->bytes + leaves->offset + 24, 8,
                   XXH3_64bits(store->bytes + HEADER_SIZE, PAGE_SIZE - HEADER_SIZE));
}

/* ---------------------------------------------------------------- sections */

static void repair_pages(patient *store)
{
    const part *sums = &store->part[EDIT_PAGE_SUMS];
    const uint64_t start = load(store, 11, 8);
    const uint64_t count = load(store, 3, 8);

    if (start > store->size || count > (store->size - start) / store->stride)
        return;
    const uint64_t end = count * store->stride;
    for (uint64_t page = 0; page < sums->length / 4; page++) {
        const uint64_t first = (page * PAGE_SIZE + store->stride - 1) / store->stride;
        uint64_t next = ((page + 1) * PAGE_SIZE + store->stride - 1) / store->stride;
        if (first >= count)
            return;
        next = next * store->stride > end ? count : next;
        edit_store(store->bytes + sums->offset + 4 * page, 4,
                   XXH3_64bits(store->bytes + start + first * store->stride,
                               (next - first) * store->stride) &
                       0xffffffffu);
    }
}

static void repair_blocks(patient *store)
{
    const part *sums = &store->part[EDIT_BLOCK_SUMS];
    const uint64_t end = load(store, 11, 8);

    for (uint64_t block = 0; block < sums->length / 8; block++) {
        const uint64_t first = block == 0 ? HEADER_SIZE : block * BLOCK_SIZE;
        const uint64_t next = (block + 1) * BLOCK_SIZE < end ? (block + 1) * BLOCK_SIZE : end;
        if (end > store->size || next <= first)
            return;
        edit_store(store->bytes + sums->offset + 8 * block, 8,
                   XXH3_64bits(store->bytes + first, next - first));
    }
}

static void repair_filter(patient *store)
{
    const part *filter = &store->part[FILTER];
    const part *cells = &store->part[FILTER_CELLS];

    for (uint64_t at = 0; at + FILTER_ENTRY <= filter->length; at += FILTER_ENTRY) {
        const uint64_t entry = filter->offset + at;
        const uint64_t offset = load(store, entry + 8, 8);
        const uint64_t shift = load(store, entry + 36, 4);
        if (shift > 18 || offset > cells->length)
            continue;
        const uint64_t length =
            (load(store, entry + 32, 4) << shift) * (load(store, entry + 40, 4) == 16 ? 2 : 1);
        if (length <= cells->length - offset)
            edit_store(store->bytes + entry + 16, 8,
                       XXH3_64bits(store->bytes + cells->offset + offset, length));
    }
}

static void repair_section_sums(patient *store)
{
    for (uint64_t i = 0; i < store->sections; i++) {
        uint8_t *entry = store->bytes + store->directory + i * EDIT_ENTRY_SIZE;
        const uint64_t offset = edit_load(entry + EDIT_OFFSET, 8);
        const uint64_t length = edit_load(entry + EDIT_LENGTH, 8);
        if (is_inside(store, offset, length))
            edit_store(entry + EDIT_CHECKSUM, 8, XXH3_64bits(store->bytes + offset, length));
    }
}

/* ---------------------------------------------------------------- frame */

static int find_parts(patient *store)
{
    if (store->size < HEADER_SIZE + EDIT_FOOTER_SIZE)
        return 0;
    store->footer = store->size - EDIT_FOOTER_SIZE;
    store->sections = load(store, store->footer + 12, 4);
    if (store->sections > SECTIONS_MAX ||
        store->sections * EDIT_ENTRY_SIZE > store->footer - HEADER_SIZE)
        return 0;
    store->directory = store->footer - store->sections * EDIT_ENTRY_SIZE;
    for (uint64_t i = 0; i < store->sections; i++) {
        const uint64_t entry = store->directory + i * EDIT_ENTRY_SIZE;
        const uint64_t type = load(store, entry + EDIT_TYPE, 4);
        const part found = {load(store, entry + EDIT_OFFSET, 8),
                            load(store, entry + EDIT_LENGTH, 8)};
        if (type <= FILTER_CELLS && is_inside(store, found.offset, found.length))
            store->part[type] = found;
    }
    return 1;
}

static void repair_content(patient *store)
{
    const part *properties = &store->part[EDIT_PROPERTIES];

    store->seed = XXH3_64bits(store->bytes + store->footer + 32, 16);
    if (properties->length < 96)
        return;
    store->width = store->bytes[properties->offset + 1];
    store->stride = load(store, properties->offset + 4, 4);
    if (store->width == 0 || store->width > 128 || store->stride < store->width + 8 ||
        store->stride > 136)
        return;
    if (store->part[EDIT_LEAVES].length >= 16)
        repair_leaves(store);
    else
        repair_arrival_records(store);
    repair_pages(store);
    repair_blocks(store);
    repair_filter(store);
}

void fuzz_repair(uint8_t *bytes, size_t size)
{
    patient store = {.bytes = bytes, .size = size};

    if (size < HEADER_SIZE)
        return;
    if (!find_parts(&store))
        return;
    repair_content(&store);
    repair_section_sums(&store);
    edit_store(bytes + TAGGED_SIZE, HEADER_SIZE - TAGGED_SIZE, XXH3_64bits(bytes, TAGGED_SIZE));
    memcpy(bytes + store.footer, "IKVTRAIL", 8);
    edit_store(bytes + store.footer + 16, 8, size);
    edit_store(bytes + store.footer + 24, 8,
               XXH3_64bits(bytes + store.directory, store.footer - store.directory));
    memcpy(bytes + store.footer + 48, bytes, HEADER_SIZE);
    edit_store(bytes + store.footer + 88, 8, XXH3_64bits(bytes + store.footer, 88));
}
