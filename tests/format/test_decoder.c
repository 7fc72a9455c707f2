/*
 * The tests' decoder refuses files that violate a rule of the base format, and reads the files of
 * the crate. With it: native stores follow every rule of the base format.
 */
#include "indexkv.h"

#include "decoder.h"
#include "golden.h"
#include "hostkey.h"
#include "leaf_decoder.h"
#include "model.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"
#include "written.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/*
 * Three pairs with u8 keys, written by hand:
 *
 *    0  header     version 2, completed, 3 pairs, index at 48
 *   24  records    "ab", "", "c", then 9 zeros of padding
 *   48  index      1 -> 30, 2 -> 24, 200 -> 34
 */
static const unsigned char SMALL_STORE[48 + 3 * 16] = {
    2,   0,  1, 3,  0,   0,   0, 0,                         /* version, completed, pair_count */
    0,   0,  0, 48, 0,   0,   0, 0,                         /* index_start */
    0,   0,  0, 9,  9,   9,   9, 9,                         /* spare bytes */
    2,   0,  0, 0,  'a', 'b',                               /* 24 */
    0,   0,  0, 0,                                          /* 30 */
    1,   0,  0, 0,  'c',                                    /* 34 */
    0,   0,  0, 0,  0,   0,   0, 0, 0,                      /* 39 */
    1,   30, 0, 0,  0,   0,   0, 0, 0, 7, 7, 7, 7, 7, 7, 7, /* 48 */
    2,   24, 0, 0,  0,   0,   0, 0, 0, 7, 7, 7, 7, 7, 7, 7, /* 64 */
    200, 34, 0, 0,  0,   0,   0, 0, 0, 7, 7, 7, 7, 7, 7, 7, /* 80 */
};

static const decoder_layout SMALL_LAYOUT = {DECODER_UNSIGNED, 1, 16};

static void reads_a_file_written_by_hand(void **state)
{
    char *path = tmpdir_file(*state, "hand");
    decoded_store decoded;

    file_write(path, SMALL_STORE, sizeof(SMALL_STORE));
    assert_int_equal(decoder_read(path, &SMALL_LAYOUT, &decoded), 0);
    assert_string_equal(decoded.error, "");
    assert_int_equal(decoded.pair_count, 3);
    assert_int_equal(decoded.records_end, 39);
    assert_int_equal(decoded.index_end, sizeof(SMALL_STORE));
    assert_int_equal(decoded.entries[2].key[0], 200);
    assert_int_equal(decoded.entries[2].size, 1);
    assert_memory_equal(decoded.entries[2].content, "c", 1);
    assert_int_equal(decoded.entries[0].size, 0);
    assert_int_equal(decoded.arrival[0], 1);
    assert_int_equal(decoded.arrival[1], 0);
    assert_int_equal(decoded.arrival[2], 2);
    decoder_free(&decoded);
    free(path);
}

static void refuses_violated_rules(void **state)
{
    static const struct {
        const char *rule;
        size_t offset;
        unsigned char byte;
    } cases[] = {
        {"version", 0, 3},
        {"version, high byte", 1, 1},
        {"completed", 2, 0},
        {"completed is neither 0 nor 1", 2, 2},
        {"more pairs than in the file", 3, 4},
        {"very many pairs", 10, 0x80},
        {"fewer pairs: a record without an entry", 3, 1},
        {"index inside the header", 11, 23},
        {"index after the end", 12, 1},
        {"record with a gap after it", 24, 1},
        {"record into the next", 24, 3},
        {"record into the index", 34, 20},
        {"padding that is not zero", 47, 1},
        {"keys out of order", 64, 0},
        {"position inside the header", 49, 20},
        {"position of another record", 49, 24},
        {"position between records", 49, 25},
        {"position in the index", 49, 50},
        {"huge position", 56, 0xff},
    };
    char *path = tmpdir_file(*state, "broken");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char bytes[sizeof(SMALL_STORE)];
        decoded_store decoded;

        memcpy(bytes, SMALL_STORE, sizeof(bytes));
        bytes[cases[i].offset] = cases[i].byte;
        file_write(path, bytes, sizeof(bytes));
        if (decoder_read(path, &SMALL_LAYOUT, &decoded) == 0)
            fail_msg("not detected: %s", cases[i].rule);
        assert_true(decoded.error[0] != '\0');
        decoder_free(&decoded);
    }
    for (size_t size = 0; size < sizeof(SMALL_STORE); size++) {
        decoded_store decoded;

        file_write(path, SMALL_STORE, size);
        assert_int_equal(decoder_read(path, &SMALL_LAYOUT, &decoded), -1);
        decoder_free(&decoded);
    }
    free(path);
}

static void compares_keys(void **state)
{
    static const decoder_layout is = {DECODER_SIGNED, 2, 16};
    static const decoder_layout us = {DECODER_UNSIGNED, 2, 16};
    static const decoder_layout bs = {DECODER_BYTES, 2, 16};
    const unsigned char one[2] = {0x01, 0x00};
    const unsigned char minus_one[2] = {0xff, 0xff};
    const unsigned char k256[2] = {0x00, 0x01};

    (void)state;
    assert_true(decoder_compare(&us, one, minus_one) < 0);
    assert_true(decoder_compare(&is, one, minus_one) > 0);
    assert_true(decoder_compare(&us, one, k256) < 0);
    assert_true(decoder_compare(&is, one, k256) < 0);
    assert_true(decoder_compare(&bs, one, k256) > 0);
    assert_true(decoder_compare(&is, one, one) == 0);
}

static void reads_the_golden_files(void **state)
{
    size_t count;
    golden_file *files = golden_list(&count);

    (void)state;
    assert_int_equal(count, 172 + 15);
    for (size_t i = 0; i < count; i++) {
        decoder_layout layout = hostkey_layout(files[i].type, files[i].stride);
        store_model expected;
        store_model decoded;
        decoded_store raw;

        assert_int_equal(file_size(files[i].path), files[i].file_bytes);
        if (!files[i].is_complete) {
            assert_int_equal(decoder_read(files[i].path, &layout, &raw), -1);
            decoder_free(&raw);
            continue;
        }
        golden_expected(&files[i], &expected);
        store_decode(files[i].path, files[i].type, files[i].stride, 0, &decoded);
        assert_models_equal(&expected, &decoded);
        model_free(&expected);
        model_free(&decoded);
    }
    free(files);
}

/* ---------------------------------------------------------------- native stores */

static void native_stores_follow_the_base_format(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 127, 128, 1000};
    char *path = tmpdir_file(*state, "native");
    rng_state random = {3};

    for (size_t t = 0; t < hostkey_type_count; t++)
        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
            ikv_writer_options options = store_options(hostkey_types[t]);
            store_model model;

            model_init(&model, hostkey_types[t]);
            model_fill(&model, &random, counts[c], (model_keys)(c % 4),
                       c == 6 ? MODEL_SIZES_MIXED : MODEL_SIZES_SMALL);
            store_write(path, &model, &options);
            assert_written(path, &model, false, 0);
            model_free(&model);
        }
    free(path);
}

/* The decoder of clustered stores covers every bit of the file. */
static void leaf_decoder_checks_every_bit(void **state)
{
    char *path = tmpdir_file(*state, "flipped");
    ikv_writer_options options = store_options(IKV_KEY_U32);
    unsigned char value[5000] = {0};
    decoded_leaves decoded;
    store_model model;
    size_t flipped = 0;

    model_init(&model, IKV_KEY_U32);
    for (uint32_t key = 0; key < 400; key++)
        model_add(&model, &key, value, key % 100 == 7 ? sizeof(value) - key : key % 40);
    model_sort(&model, MODEL_KEEP_ALL);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = 4096;
    options.metadata = "metadata";
    options.metadata_size = 8;
    for (uint32_t bits = 0; bits <= 8; bits += 8) {
        options.filter_bits = bits;
        store_write(path, &model, &options);
        assert_written(path, &model, false, 0);
        const uint64_t size = 8 * file_size(path);
        for (uint64_t bit = 0; bit < size; bit++) {
            if (!test_in_sample(bit, size, 2000))
                continue;
            file_flip_bit(path, bit);
            if (leaf_decoder_read(path, &decoded) == 0)
                fail_msg("no rule is broken by flipped bit %llu", (unsigned long long)bit);
            leaf_decoder_free(&decoded);
            file_flip_bit(path, bit);
            flipped++;
        }
    }
    assert_true(flipped > 1000);
    model_free(&model);
    free(path);
}

static void reads_the_kept_clustered_stores(void **state)
{
    size_t filters = 0;
    glob_t kept;

    (void)state;
    assert_int_equal(glob(TESTS_DIR "/golden/clustered/*.ikv", 0, NULL, &kept), 0);
    for (size_t i = 0; i < kept.gl_pathc; i++) {
        decoded_leaves decoded;

        if (leaf_decoder_read(kept.gl_pathv[i], &decoded) != 0)
            fail_msg("%s: %s", kept.gl_pathv[i], decoded.error);
        filters += trailer_find(&decoded.trailer, TRAILER_FILTER) != NULL;
        leaf_decoder_free(&decoded);
    }
    assert_true(filters >= 22);
    globfree(&kept);
}

/* Saves an edited image with valid checksums. Returns the rule that is broken, "" if none. */
static const char *broken_rule(const char *path, store_image *image, decoded_leaves *decoded)
{
    const size_t filter = image_section(image, EDIT_FILTER);
    const size_t cells = image_section(image, EDIT_FILTER_CELLS);
    const size_t size = image_section_length(image, EDIT_FILTER_CELLS);

    edit_store(image->bytes + filter + 16, 8, XXH3_64bits(image->bytes + cells, size));
    image_repair(image);
    image_save(image, path);
    (void)leaf_decoder_read(path, decoded);
    return decoded->error;
}

/* The only segment of kept stores: whatever is changed, a key is denied or a rule is broken, with
 * valid checksums. */
static void leaf_decoder_checks_filters(void **state)
{
    static const struct {
        const char *name;
        size_t cell;
    } kept[] = {{"u16_3_4K_filter8", 1}, {"bytes128_70_8K_filter16", 2}};
    static const size_t fields[] = {0, 8, 24, 32, 36, 40, 44};
    char *path = tmpdir_file(*state, "denied");

    for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++) {
        char from[256];
        decoded_leaves decoded;
        store_image image;
        size_t denied = 0;

        snprintf(from, sizeof(from), "%s/golden/clustered/%s.ikv", TESTS_DIR, kept[k].name);
        image_load(from, &image);
        assert_string_equal(broken_rule(path, &image, &decoded), "");
        leaf_decoder_free(&decoded);
        const size_t size = image_section_length(&image, EDIT_FILTER_CELLS);
        for (size_t i = 0; i < size; i += kept[k].cell) {
            unsigned char *cell = image.bytes + image_section(&image, EDIT_FILTER_CELLS) + i;

            *cell ^= 1;
            denied += strstr(broken_rule(path, &image, &decoded), "absent by it") != NULL;
            leaf_decoder_free(&decoded);
            *cell ^= 1;
        }
        /* All cells that a key has; a few are of none. */
        assert_true(denied * 2 > size / kept[k].cell);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            unsigned char *field = image.bytes + image_section(&image, EDIT_FILTER) + fields[i];

            *field ^= 1;
            assert_true(broken_rule(path, &image, &decoded)[0] != '\0');
            leaf_decoder_free(&decoded);
            *field ^= 1;
        }
        image_free(&image);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file_written_by_hand),
        cmocka_unit_test(refuses_violated_rules),
        cmocka_unit_test(compares_keys),
        cmocka_unit_test(reads_the_golden_files),
        cmocka_unit_test(native_stores_follow_the_base_format),
        cmocka_unit_test(leaf_decoder_checks_every_bit),
        cmocka_unit_test(reads_the_kept_clustered_stores),
        cmocka_unit_test(leaf_decoder_checks_filters),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
