#include "core/open/open_leaves.h"

#include "core/format/checksum.h"
#include "core/format/leaf.h"
#include "core/store/sections.h"

#include <errno.h>
#include <stdlib.h>

#define SECTION_SIZE_MAX 4096 /* more than IKV_LEAVES_SIZE: later versions may append */

static int read_leaves(struct ikv_store *store, const struct ikv_section *section,
                       struct ikv_leaves *ret, ikv_error *err)
{
    unsigned char bytes[SECTION_SIZE_MAX];

    int code = ikv_store_read_section(store, section, bytes, sizeof bytes, err);
    if (code < 0)
        return code;
    code = ikv_leaves_decode(bytes, (size_t)section->length, ret);
    if (code < 0)
        return ikv_store_section_fail(store, section, code, "invalid content", err);
    return 0;
}

int ikv_store_read_leaves(struct ikv_store *store, ikv_error *err)
{
    const struct ikv_section *section = ikv_store_section(store, IKV_SECTION_LEAVES);

    store->is_clustered = section != NULL;
    return section ? read_leaves(store, section, &store->leaves, err) : 0;
}

int ikv_store_is_head_unchanged(struct ikv_store *store, const struct ikv_section *leaves,
                                bool *ret)
{
    unsigned char head[IKV_PAGE_SIZE];
    const size_t size = sizeof head - IKV_HEADER_SIZE;
    struct ikv_leaves info;

    int code = read_leaves(store, leaves, &info, NULL);
    if (code == 0)
        code = ikv_store_read(store, head, size, IKV_HEADER_SIZE, NULL);
    if (code == 0)
        *ret = ikv_checksum(head, size) == info.head_checksum;
    return code;
}

/* ---------------------------------------------------------------- extents */

static uint32_t shift_of(uint32_t power)
{
    uint32_t shift = 0;

    while ((uint32_t)1 << shift < power)
        shift++;
    return shift;
}

/* Whether extents ascend, are aligned and disjoint, and the last one ends with the records. */
static bool extents_are_valid(const struct ikv_store *store, const uint64_t *extents,
                              uint64_t count)
{
    const struct ikv_leaves *leaves = &store->leaves;
    uint64_t end = 0;

    for (uint64_t i = 0; i < count; i++) {
        const uint64_t extent_leaves =
            i + 1 < count ? leaves->extent_leaves : leaves->count - i * leaves->extent_leaves;
        if (extents[i] % leaves->leaf_size != 0 || extents[i] < end ||
            extents[i] > store->records_end)
            return false;
        end = extents[i] + extent_leaves * leaves->leaf_size;
    }
    return end == store->records_end;
}

static int read_extents(struct ikv_store *store, const struct ikv_section *section, uint64_t count,
                        ikv_error *err)
{
    if (section->length != count * sizeof(uint64_t))
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "wrong length", err);
    store->extents = malloc((size_t)section->length);
    if (!store->extents)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(store->path), "cannot read the extents");
    int code = ikv_store_read_section(store, section, store->extents, (size_t)section->length, err);
    if (code < 0)
        return code;
    for (uint64_t i = 0; i < count; i++)
        store->extents[i] = ikv_le64(store->extents[i]);
    if (!extents_are_valid(store, store->extents, count))
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "invalid extents", err);
    return 0;
}

int ikv_store_open_leaves(struct ikv_store *store, ikv_error *err)
{
    const struct ikv_section *section = ikv_store_section(store, IKV_SECTION_LEAVES);
    const struct ikv_section *extents = ikv_store_section(store, IKV_SECTION_EXTENTS);
    const struct ikv_leaves *leaves = &store->leaves;
    const uint64_t pairs = store->properties.pair_count;
    const uint64_t extent_count =
        leaves->count / leaves->extent_leaves + (leaves->count % leaves->extent_leaves != 0);

    if (leaves->count > pairs || (leaves->count == 0) != (pairs == 0) ||
        leaves->count > store->records_end / leaves->leaf_size ||
        (!extents && leaves->count && leaves->count * leaves->leaf_size != store->records_end))
        return ikv_store_section_fail(store, section, IKV_E_SECTION,
                                      "the leaves do not match the records", err);
    if (extents && leaves->count) {
        int code = read_extents(store, extents, extent_count, err);
        if (code < 0)
            return code;
    }
    store->index = (struct ikv_geometry){
        .key = store->v2_index.key,
        .stride = ikv_leaf_stride(&store->v2_index.key),
        .slice = leaves->leaf_size,
        .count = pairs,
        .pages = leaves->count,
        .leaf_size = leaves->leaf_size,
        .extent_shift = shift_of(leaves->extent_leaves),
        .extents = store->extents,
        .extent_count = extent_count,
        .seed = store->record_seed,
    };
    return 0;
}
