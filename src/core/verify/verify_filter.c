#include "core/verify/verify_filter.h"

#include "core/format/checksum.h"
#include "core/io/source.h"
#include "core/store/sections.h"

#include <errno.h>
#include <stdlib.h>

/* Report a problem after which the next segments are unknown. */
static int stop(struct ikv_filter_walk *walk, uint64_t offset, const char *what)
{
    walk->directory = NULL;
    walk->has_next = false;
    walk->segment.blocks = 0;
    return ikv_verify_problem(walk->verifier, IKV_E_SECTION, offset, NULL, what);
}

/* Read the entry of the next segment, which must begin after the current one. */
static int read_next(struct ikv_filter_walk *walk)
{
    const struct ikv_store *store = walk->verifier->store;
    const uint64_t begin = walk->number * IKV_FILTER_ENTRY_SIZE;
    unsigned char entry[IKV_FILTER_ENTRY_SIZE];
    unsigned char expected[IKV_FILTER_ENTRY_SIZE];

    walk->has_next = begin < walk->directory->length;
    if (!walk->has_next)
        return 0;
    const uint64_t offset = walk->directory->offset + begin;
    const int code = ikv_file_read(&store->file, entry, sizeof entry, offset, NULL);
    if (code < 0)
        return code;
    const bool is_valid = ikv_filter_segment_decode(entry, &walk->next);
    ikv_filter_segment_encode(&walk->next, expected);
    if (!is_valid || memcmp(entry, expected, sizeof entry) != 0)
        return stop(walk, offset, "an invalid segment of the filter");
    if (walk->next.first_leaf >= store->leaves.count ||
        (walk->number == 0 ? walk->next.first_leaf != 0
                           : walk->next.first_leaf <= walk->segment.first_leaf))
        return stop(walk, offset, "wrong first leaf of a segment of the filter");
    if (walk->next.offset != walk->cells_end ||
        ikv_filter_size(&walk->next) > walk->section->length - walk->cells_end)
        return stop(walk, offset, "wrong place of the cells of the filter");
    walk->number++;
    return 0;
}

/* Load the cells of the current segment. Keys are not compared with more cells than fit into
 * memory, which this library does not write. */
static int load_cells(struct ikv_filter_walk *walk)
{
    const uint64_t offset = walk->section->offset + walk->segment.offset;
    const uint64_t size = ikv_filter_size(&walk->segment);

    free(walk->cells);
    walk->cells = NULL;
    if (size > walk->verifier->options.memory / 2)
        walk->segment.blocks = 0;
    if (walk->segment.blocks == 0)
        return 0;
    walk->cells = malloc((size_t)size);
    if (!walk->cells)
        return -ENOMEM;
    const int code =
        ikv_file_read(&walk->verifier->store->file, walk->cells, (size_t)size, offset, NULL);
    if (code == 0 && ikv_checksum(walk->cells, (size_t)size) != walk->segment.checksum) {
        walk->segment.blocks = 0;
        return ikv_verify_problem(walk->verifier, IKV_E_SECTION, offset, NULL,
                                  "wrong checksum of the cells of the filter");
    }
    return code;
}

static int advance(struct ikv_filter_walk *walk)
{
    walk->segment = walk->next;
    walk->cells_end += ikv_filter_size(&walk->segment);
    const int code = load_cells(walk);

    return code == 0 ? read_next(walk) : code;
}

/* A section with a wrong checksum is a problem already, and is not used. */
int ikv_filter_walk_begin(struct ikv_filter_walk *walk, struct ikv_verifier *verifier)
{
    const struct ikv_section *directory = ikv_store_section(verifier->store, IKV_SECTION_FILTER);

    *walk = (struct ikv_filter_walk){.verifier = verifier};
    walk->section = ikv_store_section(verifier->store, IKV_SECTION_FILTER_CELLS);
    if (verifier->report.problems > 0 || (!directory && !walk->section))
        return 0;
    if (!directory || !walk->section || directory->length == 0 ||
        directory->length % IKV_FILTER_ENTRY_SIZE != 0)
        return stop(walk, (directory ? directory : walk->section)->offset,
                    "wrong sections of the filter");
    walk->directory = directory;
    return read_next(walk);
}

void ikv_filter_walk_free(struct ikv_filter_walk *walk)
{
    free(walk->cells);
    walk->cells = NULL;
}

int ikv_filter_walk_check(struct ikv_filter_walk *walk, const unsigned char *key, uint64_t leaf,
                          uint64_t offset)
{
    const struct ikv_store *store = walk->verifier->store;
    int code = 0;

    while (code == 0 && walk->has_next && walk->next.first_leaf <= leaf)
        code = advance(walk);
    if (code < 0 || walk->segment.blocks == 0)
        return code;
    const uint64_t hash = ikv_filter_hash(store->record_seed, key, store->index.key.width);
    if (ikv_filter_may_contain(&walk->segment, walk->cells, hash))
        return 0;
    return ikv_verify_problem(walk->verifier, IKV_E_SECTION, offset, key,
                              "the filter of absent keys lacks this key");
}

int ikv_filter_walk_end(struct ikv_filter_walk *walk)
{
    int code = 0;

    while (code == 0 && walk->has_next)
        code = advance(walk);
    if (code == 0 && walk->directory && walk->cells_end != walk->section->length)
        code = stop(walk, walk->section->offset + walk->cells_end,
                    "the filter has more cells than its segments");
    return code;
}
