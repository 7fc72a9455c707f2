/* Writing clustered stores: checked with the independent decoder. The file does not depend on
 * memory or on the order of arrival. */
#include "hostkey.h"
#include "leaf_decoder.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIN_MEMORY ((uint64_t)8 << 20)

static ikv_writer_options clustered_options(ikv_key_type type, uint32_t leaf_size)
{
    ikv_writer_options options = store_options(type);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = leaf_size;
    return options;
}

/* Bytes of a pair in a leaf. */
static size_t pair_size(const decoded_leaves *file, const leaf_pair *pair)
{
    return file->trailer.layout.key_width + 2 + (pair->is_outside ? 8 : 8 + (size_t)pair->size);
}

/* Leaves are as full as possible, and only records that do not fit into leaf 0 are outside. */
static void assert_leaves_are_full(const char *path)
{
    decoded_leaves file;

    assert_int_equal(leaf_decoder_read(path, &file), 0);
    for (size_t i = 0; i < file.pair_count; i++) {
        const leaf_pair *pair = &file.pairs[i];
        const size_t alone = 24 + file.trailer.layout.key_width + 2 + 8 + (size_t)pair->size + 16;
        assert_int_equal(pair->is_outside, alone > file.leaf_size);
    }
    for (size_t i = 0; i + 1 < file.leaf_count; i++) {
        const leaf_bounds *leaf = &file.leaves[i];
        const leaf_pair *next = &file.pairs[leaf->first + leaf->count];
        assert_true(pair_size(&file, next) > leaf->directory - leaf->records_end);
    }
    leaf_decoder_free(&file);
}

static void assert_decoded(const char *path, const store_model *model)
{
    ikv_error err;

    assert_true(leaf_decoder_applies(path));
    assert_written(path, model, false, 0);
    assert_leaves_are_full(path);
    assert_ok(ikv_verify(path, NULL, NULL, NULL, &err), &err);
}

static void all_types_and_sizes(void **state)
{
    const tmpdir *dir = *state;
    char *path = tmpdir_file(dir, "store");
    const size_t cases = 15 * hostkey_type_count;
    rng_state rng = {7};
    size_t number = 0;

    for (size_t t = 0; t < hostkey_type_count; t++) {
        for (int sizes = MODEL_SIZES_SMALL; sizes <= MODEL_SIZES_EIGHT; sizes++) {
            for (uint32_t leaf = 0; leaf <= 32768; leaf = leaf ? 2 * leaf : 4096) {
                const ikv_writer_options options = clustered_options(hostkey_types[t], leaf);
                store_model model;
                if (!test_in_sample(number++, cases, 90))
                    continue;
                model_init(&model, hostkey_types[t]);
                model_fill(&model, &rng, (size_t)rng_below(&rng, 1500), MODEL_KEYS_UNIFORM,
                           (model_sizes)sizes);
                store_write(path, &model, &options);
                assert_decoded(path, &model);
                model_free(&model);
            }
        }
    }
    free(path);
}

static void add_numbered(store_model *model, uint64_t number, const unsigned char *value,
                         size_t size)
{
    unsigned char key[DECODER_KEY_WIDTH_MAX];
    hostkey_nth(model->type, number, key);
    model_add(model, key, value, size);
}

/* Few and many records that are too long for a leaf, among others. */
static void long_values(void **state)
{
    const tmpdir *dir = *state;
    const size_t large = 3u << 20;
    unsigned char *value = must_malloc(large);
    char *path = tmpdir_file(dir, "store");
    rng_state rng = {11};

    rng_fill(&rng, value, large);
    for (unsigned round = 0; round < 12; round++) {
        if (!test_in_sample(round, 12, 6))
            continue;
        const unsigned per_mille = round % 4 == 0 ? 1000 : round % 4 == 1 ? 1 : 150;
        ikv_writer_options options = clustered_options(IKV_KEY_U32, round % 3 == 0 ? 0 : 4096);
        store_model model;
        model_init(&model, IKV_KEY_U32);
        for (uint64_t i = 0; i < 600; i++) {
            const bool is_long = rng_below(&rng, 1000) < per_mille;
            const uint64_t below = !is_long ? 200 : rng_below(&rng, 40) == 0 ? large : 90000;
            add_numbered(&model, i * 3, value, (size_t)rng_below(&rng, below));
        }
        if (round % 2)
            rng_shuffle(&rng, model.pairs, model.count, sizeof model.pairs[0]);
        model_sort(&model, MODEL_KEEP_ALL);
        options.memory = MIN_MEMORY;
        store_write(path, &model, &options);
        assert_decoded(path, &model);
        model_free(&model);
    }
    free(value);
    free(path);
}

/* Enough pairs to spill with minimum memory: the file is the same as with ample memory. */
static void memory_changes_nothing(void **state)
{
    const tmpdir *dir = *state;
    char *a = tmpdir_file(dir, "a");
    char *b = tmpdir_file(dir, "b");
    ikv_writer_options options = clustered_options(IKV_KEY_U64, 0);
    rng_state rng = {13};
    store_model model;

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, 120000, MODEL_KEYS_UNIFORM, MODEL_SIZES_MIXED);
    store_write(a, &model, &options);
    options.memory = MIN_MEMORY;
    store_write(b, &model, &options);
    assert_same_file(a, b);
    assert_decoded(a, &model);
    model_free(&model);
    free(a);
    free(b);
}

/* Keys arrive in order at first, then not: the leaves already written are discarded. With a given
 * leaf size, the file is the same as with any other order. */
static void order_that_ends(void **state)
{
    const tmpdir *dir = *state;
    char *a = tmpdir_file(dir, "a");
    char *b = tmpdir_file(dir, "b");
    unsigned char *value = must_malloc(200000);
    ikv_writer_options options = clustered_options(IKV_KEY_U64, 4096);
    rng_state rng = {17};

    rng_fill(&rng, value, 200000);
    options.memory = MIN_MEMORY;
    for (unsigned round = 0; round < 4; round++) {
        if (!test_in_sample(round, 4, 3))
            continue;
        store_model model;
        model_init(&model, IKV_KEY_U64);
        for (uint64_t i = 0; i < 40000; i++)
            add_numbered(&model, 10 + i * 2, value,
                         (size_t)rng_below(&rng, round % 2 && i % 300 == 0 ? 200000 : 200));
        model_pair last = model.pairs[model.count / 2];
        memmove(model.pairs + model.count / 2, model.pairs + model.count / 2 + 1,
                (model.count - model.count / 2 - 1) * sizeof last);
        model.pairs[model.count - 1] = last;
        model_sort(&model, MODEL_KEEP_ALL);
        store_write(a, &model, &options);
        assert_decoded(a, &model);
        rng_shuffle(&rng, model.pairs, model.count, sizeof model.pairs[0]);
        store_write(b, &model, &options);
        assert_same_file(a, b);
        model_free(&model);
    }
    free(value);
    free(a);
    free(b);
}

/* Both policies, in order and in disorder, with long values among those that are replaced. */
static void duplicates(void **state)
{
    const tmpdir *dir = *state;
    char *path = tmpdir_file(dir, "store");
    unsigned char *value = must_malloc(100000);
    rng_state rng = {19};

    rng_fill(&rng, value, 100000);
    for (unsigned round = 0; round < 16; round++) {
        if (!test_in_sample(round, 16, 8))
            continue;
        ikv_writer_options options = clustered_options(IKV_KEY_U32, 0);
        const bool last = round % 2;
        store_model model;
        model_init(&model, IKV_KEY_U32);
        for (uint64_t i = 0; i < 30000; i++) {
            const uint64_t key = round & 2 ? rng_below(&rng, 20000) : i * 2 / 3;
            const bool is_long = round & 4 && rng_below(&rng, 100) == 0;
            add_numbered(&model, key, value + i % 1000,
                         (size_t)(is_long ? 70000 + rng_below(&rng, 20000) : rng_below(&rng, 300)));
        }
        options.on_duplicate = last ? IKV_DUPLICATES_LAST : IKV_DUPLICATES_FIRST;
        options.memory = round & 8 ? MIN_MEMORY : 0;
        store_write(path, &model, &options);
        model_sort(&model, last ? MODEL_KEEP_LAST : MODEL_KEEP_FIRST);
        assert_decoded(path, &model);
        model_free(&model);
    }
    free(value);
    free(path);
}

/* The error names the smallest repeated key, and there is no file at the path. */
static void duplicate_is_named(void **state)
{
    const tmpdir *dir = *state;
    char *path = tmpdir_file(dir, "named");

    for (unsigned round = 0; round < 2; round++) {
        const ikv_writer_options options = clustered_options(IKV_KEY_U32, 0);
        unsigned char value[100] = {0};
        ikv_writer *writer = NULL;
        ikv_error err;
        assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
        for (uint32_t i = 0; i < 60000; i++) {
            const uint32_t key = round == 0 ? i : 60000 - i;
            assert_ok(ikv_writer_add(writer, &key, value, sizeof value, &err), &err);
            if (key == 55000 || key == 41234)
                assert_ok(ikv_writer_add(writer, &key, value, sizeof value, &err), &err);
        }
        assert_failed(ikv_writer_finish(writer, NULL, &err), IKV_E_DUPLICATE, &err, path);
        const uint32_t named = 41234;
        assert_memory_equal(err.key, &named, sizeof named);
        assert_false(file_exists(path));
    }
    free(path);
}

/* For readers of the base format, a store without a v2 index is empty. */
static void without_index(void **state)
{
    const tmpdir *dir = *state;
    char *path = tmpdir_file(dir, "store");
    ikv_writer_options options = clustered_options(IKV_KEY_U64, 0);
    rng_state rng = {23};
    store_model model;

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, 3000, MODEL_KEYS_UNIFORM, MODEL_SIZES_MIXED);
    options.flags = IKV_WRITE_NO_V2_INDEX;
    store_write(path, &model, &options);
    assert_decoded(path, &model);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_and_sizes),
        cmocka_unit_test(long_values),
        cmocka_unit_test(memory_changes_nothing),
        cmocka_unit_test(order_that_ends),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(duplicate_is_named),
        cmocka_unit_test(without_index),
    };
    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
