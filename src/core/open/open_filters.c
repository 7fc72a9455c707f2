#include "core/open/open_filters.h"

#include "core/format/checksum.h"
#include "core/store/sections.h"

#include <errno.h>
#include <stdlib.h>

/* Whether the segments are contiguous, in leaves and in cells. */
static bool segments_are_valid(const struct ikv_store *store, const struct ikv_filters *filters,
                               uint64_t cells_size)
{
    uint64_t end = 0;
    uint64_t leaf = 0;

    for (uint64_t i = 0; i < filters->count; i++) {
        const struct ikv_filter_segment *segment = &filters->segments[i];
        if (segment->offset != end || ikv_filter_size(segment) > cells_size - end ||
            (i == 0 ? segment->first_leaf != 0 : segment->first_leaf <= leaf) ||
            segment->first_leaf >= store->index.pages)
            return false;
        end += ikv_filter_size(segment);
        leaf = segment->first_leaf;
    }
    return end == cells_size;
}

static int read_directory(struct ikv_store *store, const struct ikv_section *section,
                          ikv_error *err)
{
    struct ikv_filters *filters = &store->filters;
    unsigned char *bytes = malloc((size_t)section->length);
    bool valid = true;

    filters->count = section->length / IKV_FILTER_ENTRY_SIZE;
    filters->segments = malloc((size_t)filters->count * sizeof *filters->segments);
    int code = bytes && filters->segments ? 0 : -ENOMEM;
    if (code < 0)
        (void)ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot load the filter");
    else
        code = ikv_store_read_section(store, section, bytes, (size_t)section->length, err);
    for (uint64_t i = 0; i < filters->count && code == 0; i++)
        valid =
            ikv_filter_segment_decode(bytes + i * IKV_FILTER_ENTRY_SIZE, &filters->segments[i]) &&
            valid;
    free(bytes);
    if (code == IKV_E_SECTION || !valid)
        ikv_filters_free(filters);
    return code == IKV_E_SECTION ? 0 : code;
}

/* Disable damaged segments. */
static void verify_segments(struct ikv_filters *filters)
{
    for (uint64_t i = 0; i < filters->loaded; i++) {
        struct ikv_filter_segment *segment = &filters->segments[i];
        if (segment->blocks > 0 &&
            ikv_checksum(filters->cells + segment->offset, (size_t)ikv_filter_size(segment)) !=
                segment->checksum)
            segment->blocks = 0;
    }
}

static int read_cells(struct ikv_store *store, const struct ikv_section *section, uint64_t memory,
                      ikv_error *err)
{
    struct ikv_filters *filters = &store->filters;
    uint64_t size = 0;

    while (filters->loaded < filters->count &&
           size + ikv_filter_size(&filters->segments[filters->loaded]) <= memory)
        size += ikv_filter_size(&filters->segments[filters->loaded++]);
    if (size == 0)
        return 0;
    filters->cells = malloc((size_t)size);
    if (!filters->cells)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(store->path), "cannot load the filter");
    filters->memory += size;
    int code = ikv_store_read(store, filters->cells, (size_t)size, section->offset, err);
    if (code == 0)
        verify_segments(filters);
    return code;
}

int ikv_store_open_filters(struct ikv_store *store, uint64_t memory, ikv_error *err)
{
    const struct ikv_section *directory = ikv_store_section(store, IKV_SECTION_FILTER);
    const struct ikv_section *cells = ikv_store_section(store, IKV_SECTION_FILTER_CELLS);
    struct ikv_filters *filters = &store->filters;

    if (!store->is_clustered || !directory || !cells ||
        directory->length % IKV_FILTER_ENTRY_SIZE != 0 || directory->length == 0 ||
        directory->length / IKV_FILTER_ENTRY_SIZE * sizeof *filters->segments > memory)
        return 0;
    int code = read_directory(store, directory, err);
    if (code < 0 || filters->count == 0)
        return code;
    if (!segments_are_valid(store, filters, cells->length)) {
        ikv_filters_free(filters);
        return 0;
    }
    filters->memory = filters->count * sizeof *filters->segments;
    return read_cells(store, cells, memory - filters->memory, err);
}
