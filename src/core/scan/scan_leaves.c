#include "core/scan/scan_leaves.h"

#include "core/format/checksum.h"
#include "core/io/source.h"
#include "core/store/record_room.h"

#include <stdlib.h>

/* Bytes announced to the kernel before they are read: the file is advised to be read at random. */
#define AHEAD ((uint64_t)4 << 20)

static int read_range(struct ikv_scan *scan, void *buf, size_t size, uint64_t offset)
{
    return ikv_file_read(&scan->store->file, buf, size, offset, &scan->stats.retries);
}

/* ---------------------------------------------------------------- leaves */

/* Load a leaf and those after it in the same extent. */
static int load_leaves(struct ikv_scan *scan, uint64_t leaf)
{
    const struct ikv_geometry *index = &scan->store->index;
    const uint64_t in_extent = (uint64_t)1 << index->extent_shift;
    const uint64_t end = ikv_min((leaf / in_extent + 1) * in_extent, index->pages);
    const uint64_t offset = ikv_leaf_offset(index, leaf);
    const size_t size = (size_t)((end - leaf) * index->leaf_size);

    ikv_file_will_read(&scan->store->file, offset + size, AHEAD);
    int code = read_range(scan, scan->leaves, size, offset);
    if (code < 0)
        return ikv_scan_fail(scan, code, offset, "cannot read leaves");
    scan->leaves_begin = leaf;
    scan->leaves_end = end;
    scan->stats.index_reads++;
    scan->stats.index_bytes += size;
    return 0;
}

static int open_leaf(struct ikv_scan *scan, uint64_t leaf)
{
    const struct ikv_store *store = scan->store;
    const struct ikv_geometry *index = &store->index;
    int code = 0;

    if (leaf < scan->leaves_begin || leaf >= scan->leaves_end)
        code = load_leaves(scan, leaf);
    if (code < 0)
        return code;
    const unsigned char *bytes = scan->leaves + (leaf - scan->leaves_begin) * index->leaf_size;
    scan->leaf_offset = ikv_leaf_offset(index, leaf);
    scan->next_leaf = leaf + 1;
    scan->next_in_leaf = 0;
    if (!ikv_leaf_decode(bytes, index->leaf_size, &index->key, &scan->leaf) ||
        !ikv_leaf_is_intact(&scan->leaf, index->seed, leaf))
        return ikv_scan_fail(scan, IKV_E_INDEX, scan->leaf_offset, "leaf checksum mismatch");
    return 0;
}

/* ---------------------------------------------------------------- seeking */

/* Whether the leaf's first key is above `words`. */
static int is_above(struct ikv_scan *scan, uint64_t leaf, const uint64_t *words, bool *ret)
{
    const struct ikv_key_info *info = &scan->store->index.key;
    int code = open_leaf(scan, leaf);

    if (code == 0)
        *ret = ikv_key_compare_stored(info, words, scan->leaf.entries) < 0;
    scan->leaves_begin = scan->leaves_end = 0; /* one leaf of many */
    return code;
}

/* Find the last leaf whose first key is not above `words`, by fences as far as they are held. */
static int find_leaf(struct ikv_scan *scan, const uint64_t *words, uint64_t *ret_leaf)
{
    const struct ikv_store *store = scan->store;
    const struct ikv_fences *fences = &store->fences;
    uint64_t low = 0;
    uint64_t high = store->index.pages;

    if (fences->lines) {
        const struct ikv_fence_range range = ikv_fence_lines_rank(fences->lines, words, 0);
        low = range.at_least ? range.at_least - 1 : 0;
        high = ikv_max(range.at_most, 1);
    } else if (fences->count) {
        const uint64_t fence = ikv_fences_upper_bound(fences, words, 0);
        low = fence ? ikv_fence_page(fences, fence - 1) : 0;
        high = fence < fences->count ? ikv_fence_page(fences, fence) : high;
    }
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        bool above = false;
        int code = is_above(scan, middle, words, &above);
        if (code < 0)
            return code;
        if (above)
            high = middle;
        else
            low = middle;
    }
    *ret_leaf = low;
    return 0;
}

static int seek(struct ikv_scan *scan, const void *from)
{
    const struct ikv_geometry *index = &scan->store->index;
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    uint64_t words[IKV_KEY_WORDS_MAX] = {0};
    uint64_t leaf = 0;

    ikv_key_swap_host(&index->key, from, stored);
    ikv_key_load(&index->key, stored, words);
    int code = find_leaf(scan, words, &leaf);
    if (code == 0)
        code = open_leaf(scan, leaf);
    while (code == 0 && scan->next_in_leaf < scan->leaf.count &&
           ikv_key_compare_stored(&index->key, words,
                                  scan->leaf.entries + (size_t)scan->next_in_leaf * index->stride) >
               0)
        scan->next_in_leaf++;
    return code;
}

int ikv_scan_leaves_open(struct ikv_scan *scan, const void *from, const void *to)
{
    const struct ikv_geometry *index = &scan->store->index;
    unsigned char stored[IKV_KEY_WIDTH_MAX];

    scan->leaves = malloc(IKV_EXTENT_SIZE);
    if (!scan->leaves)
        return -ENOMEM;
    if (to) {
        ikv_key_swap_host(&index->key, to, stored);
        ikv_key_load(&index->key, stored, scan->to);
        scan->has_to = true;
    }
    return from && index->pages ? seek(scan, from) : 0;
}

/* ---------------------------------------------------------------- records */

/* Values are returned where they were read if they are aligned to 8 there, or else copied. */
static int set_value(struct ikv_scan *scan, const unsigned char *value, uint32_t size,
                     ikv_item *item)
{
    item->size = size;
    item->value = value;
    if ((uintptr_t)value % 8 == 0)
        return 0;
    size += scan->store->range_size;
    void *copy = ikv_scratch_get(&scan->value, size);
    if (!copy)
        return -ENOMEM;
    item->value = memcpy(copy, value, size);
    return 0;
}

static int set_item(struct ikv_scan *scan, const unsigned char *key, const unsigned char *record,
                    uint32_t size, ikv_item *item)
{
    const struct ikv_store *store = scan->store;
    const uint32_t content = size - IKV_RECORD_CHECKSUM_SIZE;

    if (ikv_load32(record + content) ==
        ikv_record_checksum(store->record_seed, key, store->index.key.width, record, content))
        return set_value(scan, record, size - store->surplus, item);
    item->status = IKV_CORRUPT;
    return 0;
}

/* A record outside its leaf: first its size, then its content. */
static int read_outside(struct ikv_scan *scan, const unsigned char *key, uint64_t position,
                        ikv_item *item)
{
    const struct ikv_store *store = scan->store;
    unsigned char field[IKV_RECORD_HEADER_SIZE];
    struct ikv_record_extent extent;
    uint32_t size = 0;

    item->status = IKV_CORRUPT;
    if (!ikv_position_possible(store, position))
        return 0;
    int code = read_range(scan, field, sizeof field, position);
    if (code < 0)
        return code;
    const struct ikv_record_room room = ikv_record_room(store, position);
    if (room.is_inside || !ikv_record_extent(store, position, room, field, sizeof field, &extent))
        return 0;
    unsigned char *record = ikv_scratch_get(&scan->value, (size_t)extent.size);
    if (!record)
        return -ENOMEM;
    code = read_range(scan, record, (size_t)extent.size, position + sizeof field);
    scan->stats.record_reads += 2;
    scan->stats.record_bytes += sizeof field + extent.size;
    if (code == 0 && ikv_record_content(store, &extent, record, &size)) {
        item->status = IKV_FOUND;
        code = set_item(scan, key, record, size, item);
    }
    return code;
}

static int read_record(struct ikv_scan *scan, const unsigned char *key, ikv_item *item)
{
    const struct ikv_leaf *leaf = &scan->leaf;
    const uint32_t place = ikv_leaf_place(&scan->store->index.key, key);
    uint32_t size = 0;

    scan->item_position = ikv_leaf_position(leaf, scan->leaf_offset, place);
    if (place & IKV_PLACE_OUTSIDE)
        return read_outside(scan, key, scan->item_position, item);
    if (place < leaf->size - IKV_RECORD_HEADER_SIZE &&
        ikv_leaf_content(leaf, place, ikv_load32(leaf->bytes + place), &size) &&
        size >= scan->store->surplus)
        return set_item(scan, key, leaf->bytes + place + IKV_RECORD_HEADER_SIZE, size, item);
    item->status = IKV_CORRUPT;
    return 0;
}

/* A stored key in host byte order. */
static const void *host_key(struct ikv_scan *scan, const unsigned char *key)
{
    if (!IKV_BIG_ENDIAN)
        return key;
    ikv_key_swap_host(&scan->store->index.key, key, scan->item_key);
    return scan->item_key;
}

int ikv_scan_leaves_next(struct ikv_scan *scan, ikv_item *ret_item)
{
    const struct ikv_geometry *index = &scan->store->index;
    ikv_item item = {NULL, NULL, 0, IKV_FOUND};

    while (scan->next_in_leaf == scan->leaf.count) {
        if (scan->next_leaf == index->pages)
            return IKV_E_END;
        int code = open_leaf(scan, scan->next_leaf);
        if (code < 0)
            return code;
    }
    const unsigned char *key = scan->leaf.entries + (size_t)scan->next_in_leaf++ * index->stride;
    if (scan->has_to && ikv_key_compare_stored(&index->key, scan->to, key) < 0)
        return IKV_E_END;
    int code = read_record(scan, key, &item);
    if (code < 0 && (code == -ENOMEM || scan->order == IKV_ORDER_STORAGE))
        return ikv_scan_fail(scan, code, scan->item_position, "cannot read records");
    if (code < 0) {
        item = (ikv_item){NULL, NULL, 0, IKV_UNREADABLE};
        scan->item_code = code;
    }
    if (scan->order == IKV_ORDER_STORAGE && item.status == IKV_CORRUPT)
        return ikv_scan_fail(scan, IKV_E_RECORD, scan->item_position, "checksum mismatch");
    scan->stats.records++;
    item.key = scan->order == IKV_ORDER_KEY ? host_key(scan, key) : NULL;
    *ret_item = item;
    return 0;
}
