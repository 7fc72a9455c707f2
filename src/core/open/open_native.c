#include "core/open/open_native.h"

#include "core/format/checksum.h"
#include "core/open/open_leaves.h"
#include "core/store/sections.h"

#include <errno.h>
#include <stdlib.h>

#define PROPERTIES_SIZE_MAX 4096 /* more than IKV_PROPERTIES_SIZE: later versions may append */

/* ---------------------------------------------------------------- properties, metadata */

static int check_properties(const struct ikv_store *store, const struct ikv_section *section,
                            const struct ikv_header *header, ikv_error *err)
{
    const struct ikv_properties *properties = &store->properties;
    const uint64_t start = header->index_start;
    const char *wrong = NULL;

    if (store->is_clustered && !store->leaves.has_index) {
        if (header->pair_count != 0 || start != IKV_HEADER_SIZE ||
            properties->records_end < IKV_HEADER_SIZE || properties->records_end > section->offset)
            wrong = "the header contradicts a store without a v2 index";
    } else if (properties->pair_count != header->pair_count)
        wrong = "the pair count differs from the header's";
    else if (properties->records_end < IKV_HEADER_SIZE || properties->records_end > start ||
             start != ikv_round_up(properties->records_end, IKV_PAGE_SIZE))
        wrong = "the records do not end where the index starts";
    else if (header->pair_count > (section->offset - start) / properties->stride)
        wrong = "the index extends into the trailer";
    if (wrong)
        ;
    else if (properties->pair_count > (properties->records_end - IKV_HEADER_SIZE) /
                                          (IKV_RECORD_HEADER_SIZE + IKV_RECORD_CHECKSUM_SIZE))
        wrong = "more pairs than fit into the file";
    else if (properties->value_size_max > IKV_VALUE_SIZE_MAX ||
             properties->value_size_p99 > properties->value_size_max ||
             properties->value_size_min > properties->value_size_max)
        wrong = "impossible value sizes";
    return wrong ? ikv_store_section_fail(store, section, IKV_E_SECTION, wrong, err) : 0;
}

static int check_options(const struct ikv_store *store, const ikv_open_options *options,
                         ikv_error *err)
{
    const struct ikv_properties *properties = &store->properties;
    char has[16];
    char asked[16];

    if (options->key_type && options->key_type != properties->key_type)
        return ikv_fail(err, IKV_E_KEY_TYPE_MISMATCH, IKV_AT_FILE(store->path),
                        "the keys are %s, not %s",
                        ikv_key_type_name(properties->key_type, has, sizeof has),
                        ikv_key_type_name(options->key_type, asked, sizeof asked));
    if (options->stride && options->stride != properties->stride)
        return ikv_fail(err, IKV_E_STRIDE, IKV_AT_FILE(store->path), "the stride is %u, not %u",
                        properties->stride, options->stride);
    return 0;
}

static int read_properties(struct ikv_store *store, const struct ikv_header *header,
                           const ikv_open_options *options, ikv_error *err)
{
    const struct ikv_section *section = ikv_store_section(store, IKV_SECTION_PROPERTIES);
    unsigned char bytes[PROPERTIES_SIZE_MAX];
    struct ikv_key_info key;

    if (!section)
        return ikv_fail(err, IKV_E_SECTION, IKV_AT_FILE(store->path), "no properties section");
    int code = ikv_store_read_section(store, section, bytes, sizeof bytes, err);
    if (code < 0)
        return code;
    code = ikv_properties_decode(bytes, (size_t)section->length, &store->properties);
    if (code < 0)
        return ikv_store_section_fail(store, section, code, "invalid content", err);
    code = check_options(store, options, err);
    if (code == 0)
        code = check_properties(store, section, header, err);
    if (code < 0)
        return code;
    (void)ikv_key_describe(store->properties.key_type, &key);
    ikv_geometry_set(&store->v2_index, &key, store->properties.stride, header->index_start,
                     header->pair_count);
    store->records_end = store->properties.records_end;
    store->index = store->v2_index;
    return 0;
}

static int read_metadata(struct ikv_store *store, ikv_error *err)
{
    const struct ikv_section *section = ikv_store_section(store, IKV_SECTION_METADATA);

    if (!section || section->length == 0)
        return 0;
    if (section->length > IKV_METADATA_MAX)
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "too long", err);
    store->metadata = malloc((size_t)section->length);
    if (!store->metadata)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(store->path), "cannot read the metadata");
    store->metadata_size = (size_t)section->length;
    return ikv_store_read_section(store, section, store->metadata, store->metadata_size, err);
}

/* ---------------------------------------------------------------- fences, checksums */

static int check_length(const struct ikv_store *store, uint32_t type, uint64_t length,
                        ikv_error *err)
{
    const struct ikv_section *section = ikv_store_section(store, type);
    if (section && section->length != length)
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "wrong length", err);
    return 0;
}

static void keep_fence(struct ikv_store *store, const unsigned char *stored)
{
    struct ikv_fences *fences = &store->fences;
    uint64_t words[IKV_KEY_WORDS_MAX];

    ikv_key_load(&store->index.key, stored, words);
    if (fences->lines)
        ikv_fence_lines_add(&store->fence_lines, words);
    else
        memcpy(fences->keys + fences->count * fences->words, words,
               fences->words * sizeof words[0]);
    fences->count++;
}

/* Read all fences in pieces to verify the section, and keep every step-th. */
static int load_fences(struct ikv_store *store, const struct ikv_section *section, uint64_t step,
                       struct ikv_checksum_stream *sum, unsigned char *piece, ikv_error *err)
{
    const struct ikv_key_info *key = &store->index.key;
    const uint64_t per_piece = IKV_BLOCK_SIZE / key->width;

    for (uint64_t page = 0; page < store->index.pages; page += per_piece) {
        uint64_t n = ikv_min(per_piece, store->index.pages - page);
        int code = ikv_store_read(store, piece, (size_t)(n * key->width),
                                  section->offset + page * key->width, err);
        if (code < 0)
            return code;
        ikv_checksum_stream_add(sum, piece, (size_t)(n * key->width));
        for (uint64_t i = (step - page % step) % step; i < n; i += step)
            keep_fence(store, piece + i * key->width);
    }
    if (ikv_checksum_stream_value(sum) != section->checksum)
        return ikv_store_section_fail(store, section, IKV_E_SECTION, "wrong checksum", err);
    return 0;
}

/* Room for rounded fences of all pages. */
static int allocate_lines(struct ikv_store *store, const struct ikv_section *section,
                          ikv_error *err)
{
    const struct ikv_key_info *key = &store->index.key;
    const uint64_t last = (store->index.pages - 1) * key->width;
    unsigned char stored[2][IKV_KEY_WIDTH_MAX];
    uint64_t words[2][IKV_KEY_WORDS_MAX];

    int code = ikv_store_read(store, stored[0], key->width, section->offset, err);
    if (code == 0)
        code = ikv_store_read(store, stored[1], key->width, section->offset + last, err);
    if (code < 0)
        return code;
    ikv_key_load(key, stored[0], words[0]);
    ikv_key_load(key, stored[1], words[1]);
    code = ikv_fence_lines_new(&store->fence_lines, store->index.pages, words[0], words[1],
                               key->words);
    store->fences.lines = &store->fence_lines;
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot read the fences") : 0;
}

/* Room for fences, whole ones or every step-th; of leaves, rounded ones before any is left out. */
static int allocate_fences(struct ikv_store *store, const struct ikv_section *section,
                           uint64_t memory, ikv_error *err)
{
    const uint64_t pages = store->index.pages;
    const uint64_t fence_size = store->index.key.words * sizeof(uint64_t);
    const uint64_t step = (pages - 1) / (memory / fence_size) + 1;

    store->fences = (struct ikv_fences){.step = step, .words = store->index.key.words};
    if (step > 1 && store->is_clustered && ikv_fence_lines_memory(pages) <= memory) {
        store->fences.step = 1;
        return allocate_lines(store, section, err);
    }
    store->fences.keys = malloc((size_t)(((pages - 1) / step + 1) * fence_size));
    return store->fences.keys
               ? 0
               : ikv_fail(err, -ENOMEM, IKV_AT_FILE(store->path), "cannot read the fences");
}

static int keep_fences(struct ikv_store *store, uint64_t memory, ikv_error *err)
{
    const struct ikv_section *section = ikv_store_section(store, IKV_SECTION_FENCES);
    const uint64_t fence_size = store->index.key.words * sizeof(uint64_t);
    struct ikv_checksum_stream *sum = NULL;

    if (!section || memory < fence_size || store->index.pages == 0)
        return 0;
    unsigned char *piece = malloc(IKV_BLOCK_SIZE);
    int code = piece ? ikv_checksum_stream_new(&sum) : -ENOMEM;
    if (code < 0)
        (void)ikv_fail(err, code, IKV_AT_FILE(store->path), "cannot read the fences");
    if (code == 0)
        code = allocate_fences(store, section, memory, err);
    if (code == 0)
        code = load_fences(store, section, store->fences.step, sum, piece, err);
    if (code == 0 && store->fences.lines)
        ikv_fence_lines_end(&store->fence_lines);
    ikv_checksum_stream_free(sum);
    free(piece);
    return code;
}

static int keep_page_sums(struct ikv_store *store, const struct ikv_section *section,
                          ikv_error *err)
{
    if (section->length == 0)
        return 0;
    store->page_sums = malloc((size_t)section->length);
    if (!store->page_sums)
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(store->path), "cannot read the page checksums");
    return ikv_store_read_section(store, section, store->page_sums, (size_t)section->length, err);
}

/* Page checksums come first, unless they take more than half of the budget: a checksum is smaller
 * than a fence, and without it every probe costs one more read. */
static int keep_index(struct ikv_store *store, uint64_t budget, ikv_error *err)
{
    const struct ikv_section *sums = ikv_store_section(store, IKV_SECTION_PAGE_CHECKSUMS);
    const struct ikv_section *blocks = ikv_store_section(store, IKV_SECTION_BLOCK_CHECKSUMS);
    const uint64_t pages = store->index.pages;

    int code = check_length(store, IKV_SECTION_FENCES, pages * store->index.key.width, err);
    if (code == 0)
        code = check_length(store, IKV_SECTION_PAGE_CHECKSUMS, pages * IKV_PAGE_CHECKSUM_SIZE, err);
    if (code == 0)
        code = check_length(store, IKV_SECTION_BLOCK_CHECKSUMS,
                            ikv_block_count(store->v2_index.index_start) * IKV_BLOCK_CHECKSUM_SIZE,
                            err);
    if (code < 0)
        return code;
    store->block_sums_offset = blocks ? blocks->offset : 0;
    store->page_sums_offset = sums ? sums->offset : 0;
    if (sums && sums->length <= budget / 2) {
        code = keep_page_sums(store, sums, err);
        budget -= sums->length;
    }
    return code == 0 ? keep_fences(store, budget, err) : code;
}

int ikv_store_open_native(struct ikv_store *store, const struct ikv_header *header,
                          const struct ikv_footer *footer, const ikv_open_options *options,
                          ikv_error *err)
{
    store->has_trailer = true;
    store->checksum_size = IKV_RECORD_CHECKSUM_SIZE;
    memcpy(store->store_id, footer->store_id, sizeof store->store_id);
    store->record_seed = ikv_record_seed(store->store_id);

    int code = ikv_store_read_directory(store, header, footer, err);
    if (code == 0)
        code = ikv_store_read_leaves(store, err);
    if (code == 0)
        code = read_properties(store, header, options, err);
    if (code == 0 && store->is_clustered)
        code = ikv_store_open_leaves(store, err);
    if (code < 0)
        return code;
    if (store->properties.flags & IKV_PROPERTY_RANGES)
        store->range_size = store->index.key.width;
    store->surplus = store->checksum_size + store->range_size;
    store->record_size_max = store->properties.value_size_max + store->checksum_size;
    code = read_metadata(store, err);
    if (code == 0)
        code = keep_index(store, options->index_memory, err);
    return code;
}
