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

#define LEAF         4096u
#define FIRST        24u /* position of the first record */
#define FOOTER       (LEAF - 16)
#define ENTRY        10u /* u64 key, u16 place */
#define STORE_ID     "0123456789abcdef"
#define FILTER       8 /* section types */
#define FILTER_CELLS 9

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

/* A filter that reports a key absent hides it: cells that are wrong, with right checksums. */
static void a_filter_that_hides_keys(void **state)
{
    char *path = tmpdir_file(*state, "filter");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state rng = {17};
    store_model model;
    store_image image;
    ikv_verify_report report;

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, 500, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.filter_bits = 8;
    store_write(path, &model, &options);
    assert_int_equal(verify(path, &report), 0);

    image_load(path, &image);
    unsigned char *cells = image.bytes + image_section(&image, FILTER_CELLS);
    const size_t size = image_section_length(&image, FILTER_CELLS);
    for (size_t i = 0; i < size; i++)
        cells[i] ^= (unsigned char)rng_next(&rng);
    edit_store(image.bytes + image_section(&image, FILTER) + 16, 8, XXH3_64bits(cells, size));
    image_repair_sections(&image);
    image_repair_directory(&image);
    image_repair_footer(&image);
    image_save(&image, path);
    assert_int_equal(verify(path, &report), IKV_E_SECTION);
    assert_in_range(report.problems, 450, model.count);

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
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
