/* ikv_verify on clustered stores: what only the view of the base format shows, and directories of
 * leaves that contradict the file although their checksums are right. */
#include "indexkv.h"

#include "checks.h"
#include "model.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define LEAF     4096u
#define FIRST    24u /* position of the first record */
#define FOOTER   (LEAF - 16)
#define ENTRY    10u /* u64 key, u16 place */
#define STORE_ID "0123456789abcdef"

static void write_pairs(const char *path, const size_t *sizes, size_t count)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    unsigned char *value = must_malloc(1 << 16);
    store_model model;

    memset(value, 'v', 1 << 16);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = LEAF;
    options.store_id = (const unsigned char *)STORE_ID;
    model_init(&model, IKV_KEY_U64);
    for (uint64_t key = 0; key < count; key++)
        model_add(&model, &key, value, sizes[key]);
    model_sort(&model, MODEL_KEEP_ALL);
    store_write(path, &model, &options);
    model_free(&model);
    free(value);
}

static int verify(const char *path, ikv_verify_report *report)
{
    ikv_error err;

    memset(report, 0, sizeof *report);
    return ikv_verify(path, NULL, NULL, report, &err);
}

/*
 * Records outside leaves, the last one padded up to the extent. Readers of the base format need its
 * size field to include the padding; lookups find its true size in the last 8 bytes before the
 * extent. For some sizes a single bit turns the one into the other.
 */
static void every_bit_around_a_padded_record_matters(void **state)
{
    char *path = tmpdir_file(*state, "padded");

    for (uint32_t bit = 3; bit < 12; bit++) {
        /* The first record in the leaf is at 0x2018 or 0x3018. */
        const uint32_t start = bit < 11 ? 0x2000 : 0x3000;
        const uint32_t field = start + FIRST - FIRST - 4;
        const size_t sizes[] = {(field ^ (1u << bit)) - 4, 1};
        ikv_verify_report report;
        size_t size;

        write_pairs(path, sizes, 2);
        unsigned char *bytes = file_read(path, &size);
        if (edit_load(bytes + FIRST, 4) != field) { /* no room for the last 8 bytes */
            free(bytes);
            continue;
        }
        assert_int_equal(edit_load(bytes + start - 8, 8), sizes[0] + 4);
        assert_int_equal(verify(path, &report), 0);
        const uint32_t content_end = FIRST + 4 + (uint32_t)sizes[0] + 4;
        for (uint64_t at = 8 * FIRST; at < 8 * (uint64_t)start; at++) {
            if (at == 8 * (FIRST + 4))
                at = 8 * (uint64_t)(content_end - 4); /* skip the value */
            file_flip_bit(path, at);
            if (verify(path, &report) == 0)
                fail_msg("bit %u: the flipped bit %llu is not found", bit, (unsigned long long)at);
            assert_true(report.problems > 0);
            file_flip_bit(path, at);
        }
        free(bytes);
    }
    free(path);
}

/* Seeds the checksum of leaf 0: the store, then the leaf's number. */
static uint64_t seed_of_first_leaf(void)
{
    static const unsigned char number[8] = {0};

    return XXH3_64bits_withSeed(number, sizeof number, XXH3_64bits(STORE_ID, 16));
}

/* One pair, whose directory entry says that the record is outside the leaf, at `position`. */
static void write_with_position(const char *path, uint64_t position)
{
    static const size_t sizes[] = {1};
    size_t size;

    write_pairs(path, sizes, 1);
    unsigned char *leaf = file_read(path, &size);
    const size_t outside = FOOTER - ENTRY - 8;
    edit_store(leaf + outside, 8, position);
    edit_store(leaf + FOOTER - 2, 2, 0x8000);
    edit_store(leaf + FOOTER + 2, 2, 1);
    edit_store(leaf + FOOTER + 8, 8,
               XXH3_64bits_withSeed(leaf + outside, FOOTER + 8 - outside, seed_of_first_leaf()));
    file_write(path, leaf, size);
    free(leaf);
}

static void positions_of_no_record_are_problems(void **state)
{
    static const uint64_t positions[] = {0,    1,    24,   25,   4091,     4092,
                                         4096, 8192, 1000, 4095, 1u << 31, UINT64_MAX};
    char *path = tmpdir_file(*state, "position");

    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        ikv_verify_report report;

        write_with_position(path, positions[i]);
        assert_int_equal(verify(path, &report), IKV_E_INDEX);
        assert_true(report.problems > 0);
    }
    free(path);
}

/* ---------------------------------------------------------------- filters */

/* A store with a filter; the caller frees both. More than 65,536 pairs make two segments. */
static void write_filtered(const char *path, size_t pairs, store_model *model, store_image *image)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state rng = {17};
    ikv_verify_report report;

    model_init(model, IKV_KEY_U64);
    model_fill(model, &rng, pairs, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.filter_bits = 8;
    store_write(path, model, &options);
    assert_int_equal(verify(path, &report), 0);
    image_load(path, image);
}

/* Save a copy with these bytes of a section changed, and right checksums of all sections. */
static void save_edited(const store_image *image, const char *path, uint32_t type, size_t offset,
                        size_t width, uint64_t number)
{
    store_image copy = image_copy(image);

    edit_store(copy.bytes + image_section(&copy, type) + offset, width, number);
    image_repair_sections(&copy);
    image_repair_directory(&copy);
    image_repair_footer(&copy);
    image_save(&copy, path);
    image_free(&copy);
}

/* A filter that reports a key absent hides it: cells that are wrong, with right checksums. They are
 * verified although the store is opened with too little memory for them. */
static void a_filter_that_hides_keys(void **state)
{
    char *path = tmpdir_file(*state, "filter");
    rng_state rng = {18};
    ikv_open_options opening = IKV_OPEN_OPTIONS_INIT;
    store_model model;
    store_image image;
    ikv_verify_report report;

    write_filtered(path, 500, &model, &image);
    unsigned char *cells = image.bytes + image_section(&image, EDIT_FILTER_CELLS);
    const size_t size = image_section_length(&image, EDIT_FILTER_CELLS);
    for (size_t i = 0; i < size; i++)
        cells[i] ^= (unsigned char)rng_next(&rng);
    save_edited(&image, path, EDIT_FILTER, 16, 8, XXH3_64bits(cells, size));
    for (uint64_t memory = 0; memory < 2; memory++) { /* 0: the default */
        opening.index_memory = memory;
        memset(&report, 0, sizeof report);
        assert_int_equal(ikv_verify(path, &opening, NULL, &report, NULL), IKV_E_SECTION);
        assert_in_range(report.problems, 450, model.count);
    }
    image_free(&image);
    model_free(&model);
    free(path);
}

/* Segments that readers would not use, or would use for other leaves. */
static void invalid_segments_are_problems(void **state)
{
    static const struct {
        size_t offset, width;
        uint64_t number;
    } edits[] = {
        {0, 8, 1},           {8, 8, 1},        {16, 8, 1}, /* first leaf, place, checksum */
        {32, 4, 3},          {32, 4, 1 << 20}, {36, 4, 19},     {40, 4, 9},
        {44, 4, 1},          {44, 1, 128},     {48, 8, 0},      {48, 8, 1 << 20},
        {48, 8, UINT64_MAX}, /* the second segment */
        {48 + 8, 8, 0},      {48 + 24, 8, 77}, {48 + 32, 4, 0}, {48 + 32, 4, UINT32_MAX},
        {48 + 40, 4, 16}};
    char *path = tmpdir_file(*state, "segments");
    store_model model;
    store_image image;
    ikv_verify_report report;

    write_filtered(path, 70000, &model, &image);
    assert_int_equal(image_section_length(&image, EDIT_FILTER), 96);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        save_edited(&image, path, EDIT_FILTER, edits[i].offset, edits[i].width, edits[i].number);
        if (verify(path, &report) != IKV_E_SECTION)
            fail_msg("edit %zu is not found", i);
        assert_true(report.problems > 0);
    }
    /* A reader that does not know filters would refuse the store. */
    edit_store(image.bytes + image_entry(&image, EDIT_FILTER_CELLS) + EDIT_FLAGS, 4, 0);
    save_edited(&image, path, EDIT_FILTER, 0, 8, 0);
    assert_int_equal(verify(path, &report), IKV_E_SECTION);
    image_free(&image);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_around_a_padded_record_matters),
        cmocka_unit_test(positions_of_no_record_are_problems),
        cmocka_unit_test(a_filter_that_hides_keys),
        cmocka_unit_test(invalid_segments_are_problems),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
