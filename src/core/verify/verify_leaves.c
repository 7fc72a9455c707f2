#include "core/verify/verify_leaves.h"

#include "core/format/checksum.h"
#include "core/format/leaf.h"
#include "core/io/reader.h"
#include "core/io/source.h"
#include "core/open/open_leaves.h"
#include "core/store/sections.h"
#include "core/verify/verify_filter.h"
#include "core/verify/verify_v2_index.h"

#include <errno.h>
#include <stdlib.h>

/* Walks the file extent by extent. */
struct walk {
    struct ikv_verifier *verifier;
    struct ikv_v2_walk v2;
    struct ikv_filter_walk filter;
    struct ikv_checksum_stream *sum;
    uint64_t end; /* file offset up to which everything was verified */

    /* The current extent. */
    unsigned char *bytes;
    unsigned char *fences; /* NULL: the store has none */
    uint64_t start;
    uint64_t first; /* leaf */
    uint32_t count;
    bool is_damaged;          /* some entries are unknown */
    bool is_padded;           /* the last record before it was verified, and extends to it */
    struct ikv_reader reader; /* of the records before it */

    bool has_last;
    uint64_t last[IKV_KEY_WORDS_MAX]; /* previous key */
};

static int problem(struct walk *walk, int code, uint64_t offset, const unsigned char *key,
                   const char *what)
{
    return ikv_verify_problem(walk->verifier, code, offset, key, what);
}

/* ---------------------------------------------------------------- records outside leaves */

/* Size of the content of the record at the reader's offset, given its size field. That of the last
 * record before the extent must extend to `reach`, where the next record starts. */
static int outside_size(struct walk *walk, const unsigned char *key, uint32_t field, uint64_t reach,
                        uint64_t *ret_size)
{
    const uint64_t content = walk->reader.offset;
    const uint64_t position = content - IKV_RECORD_HEADER_SIZE;
    unsigned char tail[IKV_OUTSIDE_TAIL_SIZE];

    *ret_size = field;
    walk->is_padded = field >= walk->start - content;
    if (!walk->is_padded)
        return 0;
    int code = ikv_file_read(&walk->verifier->store->file, tail, sizeof tail,
                             walk->start - sizeof tail, NULL);
    if (code < 0)
        return code;
    *ret_size = ikv_load32(tail);
    if (field != reach - content)
        code = problem(walk, IKV_E_RECORD, position, key,
                       "the record does not end where the next one starts");
    if (code == 0 && (*ret_size > walk->start - sizeof tail - content || ikv_load32(tail + 4) != 0))
        code = problem(walk, IKV_E_RECORD, walk->start - sizeof tail, key,
                       "impossible size of the last record before an extent");
    return code;
}

static int verify_content(struct walk *walk, const unsigned char *key, uint64_t size)
{
    const struct ikv_store *store = walk->verifier->store;
    const uint64_t position = walk->reader.offset - IKV_RECORD_HEADER_SIZE;
    unsigned char field[IKV_RECORD_CHECKSUM_SIZE];
    uint64_t left = size - sizeof field;
    int code = 0;

    ikv_checksum_stream_reset_record(walk->sum, store->record_seed, key, store->index.key.width);
    while (left > 0 && code == 0) {
        const unsigned char *bytes;
        size_t n = 0;
        code = ikv_reader_take(&walk->reader, left, &bytes, &n);
        if (code == 0)
            ikv_checksum_stream_add(walk->sum, bytes, n);
        left -= n;
    }
    if (code == 0)
        code = ikv_reader_copy(&walk->reader, field, sizeof field);
    if (code < 0)
        return code;
    ikv_verify_note_record(walk->verifier, (uint32_t)(size - sizeof field));
    if (ikv_load32(field) == (uint32_t)ikv_checksum_stream_value(walk->sum))
        return 0;
    return problem(walk, IKV_E_RECORD, position, key, "wrong record checksum");
}

/* File offset of the first record in the extent. */
static uint64_t first_record(const struct walk *walk)
{
    const struct ikv_store *store = walk->verifier->store;
    struct ikv_leaf leaf;

    for (uint32_t i = 0; i < walk->count; i++) {
        const uint64_t offset = (uint64_t)i * store->leaves.leaf_size;
        if (!ikv_leaf_decode(walk->bytes + offset, store->leaves.leaf_size, &store->index.key,
                             &leaf) ||
            leaf.count > leaf.outside_count)
            return walk->start + offset + ikv_leaf_records_begin(walk->first + i);
    }
    return walk->start + (uint64_t)walk->count * store->leaves.leaf_size;
}

/* Records outside leaves must be in key order, without gaps. */
static int verify_outside(struct walk *walk, const unsigned char *key, uint64_t position)
{
    unsigned char field[IKV_RECORD_HEADER_SIZE];
    uint64_t size = 0;

    if (position != walk->reader.offset || walk->reader.end - position < sizeof field) {
        walk->is_damaged = true;
        return problem(walk, IKV_E_INDEX, position, key,
                       "the record does not start where the previous one ends");
    }
    int code = ikv_reader_copy(&walk->reader, field, sizeof field);
    if (code == 0)
        code = outside_size(walk, key, ikv_load32(field), first_record(walk), &size);
    if (code < 0)
        return code;
    if (size < IKV_RECORD_CHECKSUM_SIZE || size > walk->start - walk->reader.offset) {
        walk->is_damaged = true;
        return problem(walk, IKV_E_RECORD, position, key, "impossible size");
    }
    return verify_content(walk, key, size);
}

/* Verify the bytes between the last record outside and the extent. */
static int verify_gap(struct walk *walk)
{
    const uint64_t tail = walk->start - IKV_OUTSIDE_TAIL_SIZE;

    if (walk->is_damaged || walk->end == walk->start || walk->start == 0)
        return 0;
    if (walk->reader.offset == walk->end)
        return problem(walk, IKV_E_INDEX, walk->end, NULL, "no leaf points to this record");
    if (!walk->is_padded)
        return problem(walk, IKV_E_RECORD, walk->reader.offset, NULL,
                       "the record does not end where the next one starts");
    return walk->reader.offset <= tail ? ikv_verify_zero(walk->verifier, walk->reader.offset, tail)
                                       : 0;
}

/* ---------------------------------------------------------------- leaves */

/* Number of leaves after leaf i of the extent that hold no records. */
static uint32_t empty_after(const struct walk *walk, uint32_t i)
{
    const struct ikv_store *store = walk->verifier->store;
    const uint32_t leaf_size = store->leaves.leaf_size;
    struct ikv_leaf leaf;
    uint32_t empty = 0;

    while (
        ++i < walk->count &&
        ikv_leaf_decode(walk->bytes + (size_t)i * leaf_size, leaf_size, &store->index.key, &leaf) &&
        leaf.count == leaf.outside_count)
        empty++;
    return empty;
}

/* Place of the record after that of entry i; the end of the records if it is the last. */
static uint32_t next_place(const struct ikv_leaf *leaf, const struct ikv_key_info *key, uint32_t i,
                           bool *ret_is_last)
{
    *ret_is_last = false;
    while (++i < leaf->count) {
        const uint32_t place =
            ikv_leaf_place(key, leaf->entries + (size_t)i * ikv_leaf_stride(key));
        if (!(place & IKV_PLACE_OUTSIDE))
            return place;
    }
    *ret_is_last = true;
    return leaf->records_end;
}

static int verify_inside(struct walk *walk, const struct ikv_leaf *leaf, uint32_t number,
                         uint32_t i, uint32_t place)
{
    const struct ikv_store *store = walk->verifier->store;
    const struct ikv_key_info *info = &store->index.key;
    const unsigned char *key = leaf->entries + (size_t)i * ikv_leaf_stride(info);
    const uint64_t offset = walk->start + (uint64_t)number * leaf->size + place;
    bool is_last = false;
    const uint32_t next = next_place(leaf, info, i, &is_last);

    if (next > leaf->records_end || place > next ||
        next - place < IKV_RECORD_HEADER_SIZE + IKV_RECORD_CHECKSUM_SIZE)
        return problem(walk, IKV_E_INDEX, offset, key, "records out of order in a leaf");
    const unsigned char *record = leaf->bytes + place;
    const uint32_t size = next - place - IKV_RECORD_HEADER_SIZE;
    const uint32_t value_size = size - IKV_RECORD_CHECKSUM_SIZE;
    const uint32_t field = is_last ? leaf->size - place - IKV_RECORD_HEADER_SIZE +
                                         empty_after(walk, number) * leaf->size
                                   : size;
    int code = 0;

    ikv_verify_note_record(walk->verifier, value_size);
    if (ikv_load32(record) != field)
        code = problem(walk, IKV_E_RECORD, offset, key,
                       "the record does not end where the next one starts");
    record += IKV_RECORD_HEADER_SIZE;
    if (code == 0 &&
        ikv_load32(record + value_size) !=
            ikv_record_checksum(store->record_seed, key, info->width, record, value_size))
        code = problem(walk, IKV_E_RECORD, offset, key, "wrong record checksum");
    return code;
}

static int verify_order(struct walk *walk, const unsigned char *key, uint64_t offset)
{
    const struct ikv_key_info *info = &walk->verifier->store->index.key;
    uint64_t words[IKV_KEY_WORDS_MAX];
    int code = 0;

    ikv_key_load(info, key, words);
    if (walk->has_last && ikv_words_compare(walk->last, words, info->words) >= 0)
        code = problem(walk, IKV_E_INDEX, offset, key, "entries out of order");
    memcpy(walk->last, words, info->words * sizeof words[0]);
    walk->has_last = true;
    return code;
}

static int verify_entries(struct walk *walk, const struct ikv_leaf *leaf, uint32_t number)
{
    const struct ikv_key_info *info = &walk->verifier->store->index.key;
    const uint64_t offset = walk->start + (uint64_t)number * leaf->size;
    uint32_t expected = ikv_leaf_records_begin(walk->first + number);
    uint32_t outside = 0;
    int code = 0;

    for (uint32_t i = 0; i < leaf->count && code == 0; i++) {
        const unsigned char *key = leaf->entries + (size_t)i * ikv_leaf_stride(info);
        const uint32_t place = ikv_leaf_place(info, key);
        const uint64_t position = ikv_leaf_position(leaf, offset, place);
        bool is_last = false;
        code = verify_order(walk, key, offset);
        if (code == 0)
            code = ikv_v2_walk_compare(&walk->v2, key, position);
        if (code == 0)
            code = ikv_filter_walk_check(&walk->filter, key, walk->first + number, offset);
        if (code < 0)
            return code;
        if (place != ((place & IKV_PLACE_OUTSIDE) ? IKV_PLACE_OUTSIDE | outside : expected))
            return problem(walk, IKV_E_INDEX, offset, key, "places out of order in a leaf");
        if (place & IKV_PLACE_OUTSIDE) {
            outside++;
            code = walk->is_damaged ? 0 : verify_outside(walk, key, position);
        } else {
            code = verify_inside(walk, leaf, number, i, place);
            expected = next_place(leaf, info, i, &is_last);
        }
    }
    if (code == 0 && (outside != leaf->outside_count || expected != leaf->records_end))
        code = problem(walk, IKV_E_INDEX, offset, NULL, "wrong counts in the footer of a leaf");
    return code;
}

/* Check that padding in the leaf and its footer is zero. */
static int verify_padding(struct walk *walk, const struct ikv_leaf *leaf, uint64_t offset)
{
    const unsigned char *footer = leaf->bytes + leaf->size - IKV_LEAF_FOOTER_SIZE;

    for (const unsigned char *at = leaf->bytes + leaf->records_end; at < leaf->outside; at++) {
        if (*at != 0)
            return problem(walk, IKV_E_PADDING, offset + (uint64_t)(at - leaf->bytes), NULL,
                           "in a leaf");
    }
    if (ikv_load16(footer + 6) != 0)
        return problem(walk, IKV_E_PADDING, offset + leaf->size - IKV_LEAF_FOOTER_SIZE + 6, NULL,
                       "in a leaf's footer");
    return 0;
}

/* The first leaf leaves room for the header, which is zero if the leaf does not start the file. */
static int verify_room(struct walk *walk)
{
    for (uint32_t i = 0; walk->first == 0 && walk->start > 0 && i < IKV_HEADER_SIZE; i++) {
        if (walk->bytes[i] != 0)
            return problem(walk, IKV_E_PADDING, walk->start + i, NULL, "before the first leaf");
    }
    return 0;
}

static int verify_leaf(struct walk *walk, uint32_t number)
{
    const struct ikv_store *store = walk->verifier->store;
    const uint32_t size = store->leaves.leaf_size;
    const uint64_t offset = walk->start + (uint64_t)number * size;
    const uint32_t width = store->index.key.width;
    struct ikv_leaf leaf;

    walk->verifier->report.pages++;
    if (!ikv_leaf_decode(walk->bytes + (size_t)number * size, size, &store->index.key, &leaf) ||
        !ikv_leaf_is_intact(&leaf, store->record_seed, walk->first + number)) {
        walk->is_damaged = true;
        walk->has_last = false;
        ikv_v2_walk_stop(&walk->v2);
        return problem(walk, IKV_E_INDEX, offset, NULL, "wrong leaf checksum");
    }
    int code = verify_padding(walk, &leaf, offset);
    if (code == 0 && walk->fences &&
        memcmp(leaf.entries, walk->fences + (size_t)number * width, width) != 0)
        code = problem(walk, IKV_E_SECTION, offset, leaf.entries,
                       "the fence differs from the first key of its leaf");
    return code == 0 ? verify_entries(walk, &leaf, number) : code;
}

/* ---------------------------------------------------------------- extents */

static int load_extent(struct walk *walk)
{
    const struct ikv_store *store = walk->verifier->store;
    const struct ikv_section *fences = ikv_store_section(store, IKV_SECTION_FENCES);
    const uint32_t width = store->index.key.width;
    const size_t size = (size_t)walk->count * store->leaves.leaf_size;
    const uint64_t reader_end = walk->start > walk->end ? walk->start : walk->end;

    ikv_file_will_read(&store->file, walk->start + size, IKV_EXTENT_SIZE);
    int code = ikv_file_read(&store->file, walk->bytes, size, walk->start, NULL);
    if (code == 0 && walk->fences)
        code = ikv_file_read(&store->file, walk->fences, (size_t)walk->count * width,
                             fences->offset + walk->first * width, NULL);
    if (code == 0)
        code = ikv_reader_init(&walk->reader, &store->file, walk->end, reader_end, 0);
    walk->verifier->report.bytes += size;
    return code;
}

static int verify_extent(struct walk *walk)
{
    const uint32_t leaf_size = walk->verifier->store->leaves.leaf_size;

    walk->is_damaged = walk->is_padded = false;
    int code = load_extent(walk);
    if (code == 0)
        code = verify_room(walk);
    for (uint32_t i = 0; i < walk->count && code == 0; i++)
        code = verify_leaf(walk, i);
    if (code == 0)
        code = verify_gap(walk);
    walk->verifier->report.bytes += walk->reader.bytes;
    ikv_reader_free(&walk->reader);
    walk->end = walk->start + (uint64_t)walk->count * leaf_size;
    return code;
}

static int walk_extents(struct walk *walk)
{
    const struct ikv_store *store = walk->verifier->store;
    const struct ikv_leaves *leaves = &store->leaves;
    int code = 0;

    for (walk->first = 0; walk->first < leaves->count && code == 0; walk->first += walk->count) {
        walk->count = (uint32_t)ikv_min(leaves->extent_leaves, leaves->count - walk->first);
        walk->start = ikv_leaf_offset(&store->index, walk->first);
        code = ikv_verify_progress(walk->verifier, "leaves", walk->start, store->records_end);
        if (code == 0)
            code = verify_extent(walk);
    }
    if (code == 0)
        code = ikv_v2_walk_end(&walk->v2);
    if (code == 0)
        code = ikv_filter_walk_end(&walk->filter);
    if (code == 0)
        code = ikv_verify_zero(walk->verifier, walk->end,
                               ikv_round_up(ikv_max(walk->end, IKV_PAGE_SIZE), IKV_PAGE_SIZE));
    return code;
}

/* The checksum of the start of the file, which a reader uses only if the header is damaged. */
static int verify_head(struct ikv_verifier *verifier)
{
    const struct ikv_section *section = ikv_store_section(verifier->store, IKV_SECTION_LEAVES);
    bool is_unchanged = true;

    if (verifier->report.problems > 0)
        return 0;
    int code = ikv_store_is_head_unchanged(verifier->store, section, &is_unchanged);
    if (code < 0 || is_unchanged)
        return code;
    return ikv_verify_problem(verifier, IKV_E_SECTION, section->offset, NULL,
                              "wrong checksum of the start of the file");
}

int ikv_verify_leaves(struct ikv_verifier *verifier)
{
    const struct ikv_store *store = verifier->store;
    struct walk walk = {.verifier = verifier, .end = IKV_HEADER_SIZE};
    bool memory = true;

    walk.bytes = malloc(IKV_EXTENT_SIZE);
    if (ikv_store_section(store, IKV_SECTION_FENCES))
        memory = (walk.fences =
                      malloc((size_t)store->leaves.extent_leaves * store->index.key.width)) != NULL;
    int code = memory && walk.bytes ? ikv_checksum_stream_new(&walk.sum) : -ENOMEM;
    if (code == 0)
        code = ikv_v2_walk_begin(&walk.v2, verifier);
    if (code == 0)
        code = ikv_filter_walk_begin(&walk.filter, verifier);
    if (code == 0)
        code = walk_extents(&walk);
    if (code == 0)
        code = verify_head(verifier);
    if (code == 0)
        code = ikv_verify_totals(verifier);
    ikv_v2_walk_free(&walk.v2);
    ikv_filter_walk_free(&walk.filter);
    ikv_checksum_stream_free(walk.sum);
    free(walk.bytes);
    free(walk.fences);
    return code;
}
