#include "places.h"

#include "decoder.h"
#include "hostkey.h"
#include "leaf_decoder.h"
#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 4096

static void read_leaves(const char *path, store_places *places)
{
    decoded_leaves file;

    if (leaf_decoder_read(path, &file) != 0)
        test_die("%s: %s", path, file.error);
    const size_t width = file.trailer.layout.key_width;
    places->stride = width + 2;
    places->pair_count = file.pair_count;
    places->page_count = file.leaf_count;
    places->pairs = must_malloc(file.pair_count * sizeof(*places->pairs));
    places->pages = must_malloc((file.leaf_count + 1) * sizeof(*places->pages));
    for (size_t i = 0; i < file.pair_count; i++) {
        const leaf_pair *pair = &file.pairs[i];

        places->pairs[i] =
            (pair_place){.record = pair->position,
                         .end = (uint64_t)(pair->value - file.bytes) + pair->size + 4,
                         .entry = (uint64_t)(pair->key - file.bytes),
                         .page = pair->leaf,
                         .is_outside = pair->is_outside};
    }
    for (size_t i = 0; i < file.leaf_count; i++) {
        const leaf_bounds *leaf = &file.leaves[i];

        places->pages[i] = (page_place){.begin = leaf->offset,
                                        .end = leaf->offset + file.leaf_size,
                                        .entries = leaf->directory,
                                        .first = leaf->first};
    }
    places->index_start = file.trailer.v2_index_start;
    places->index_end =
        file.trailer.v2_index_start + file.trailer.v2_pairs * (uint64_t)file.trailer.layout.stride;
    places->records_end = file.trailer.records_end;
    places->file_size = file.file_size;
    leaf_decoder_free(&file);
}

/* A page has the entries that begin in one 4096-byte slice of the index. */
static void place_pages(store_places *places)
{
    const uint64_t size = places->index_end - places->index_start;
    const size_t stride = places->stride;

    places->page_count = size == 0 ? 0 : (size_t)((size - stride) / PAGE_SIZE + 1);
    places->pages = must_malloc((places->page_count + 1) * sizeof(*places->pages));
    for (size_t page = 0; page < places->page_count; page++) {
        const size_t first = (page * PAGE_SIZE + stride - 1) / stride;
        const size_t next = ((page + 1) * PAGE_SIZE + stride - 1) / stride;
        const size_t end = next < places->pair_count ? next : places->pair_count;
        const uint64_t begin = places->index_start + first * (uint64_t)stride;

        places->pages[page] = (page_place){.begin = begin,
                                           .end = places->index_start + end * (uint64_t)stride,
                                           .entries = begin,
                                           .first = first};
        for (size_t i = first; i < end; i++)
            places->pairs[i].page = page;
    }
}

static void read_arrival(const char *path, ikv_key_type type, size_t stride, store_places *places)
{
    const decoder_layout layout = hostkey_layout(type, stride);
    decoded_store file;

    if (decoder_read(path, &layout, &file) != 0)
        test_die("%s: %s", path, file.error);
    places->stride = layout.stride;
    places->pair_count = (size_t)file.pair_count;
    places->pairs = must_malloc(places->pair_count * sizeof(*places->pairs));
    for (size_t i = 0; i < places->pair_count; i++) {
        const decoder_entry *entry = &file.entries[i];

        places->pairs[i] = (pair_place){.record = entry->position,
                                        .end = entry->position + 4 + entry->size,
                                        .entry = file.index_start + i * (uint64_t)layout.stride};
    }
    places->index_start = file.index_start;
    places->index_end = file.index_end;
    places->records_end = file.records_end;
    places->file_size = file.file_size;
    place_pages(places);
    decoder_free(&file);
}

void places_read(const char *path, ikv_key_type type, size_t stride, store_places *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->is_clustered = leaf_decoder_applies(path);
    if (ret->is_clustered)
        read_leaves(path, ret);
    else
        read_arrival(path, type, stride, ret);
    ret->pages[ret->page_count] = (page_place){.begin = ret->records_end,
                                               .end = ret->records_end,
                                               .entries = ret->records_end,
                                               .first = ret->pair_count};
}

void places_free(store_places *places)
{
    free(places->pairs);
    free(places->pages);
    memset(places, 0, sizeof(*places));
}
