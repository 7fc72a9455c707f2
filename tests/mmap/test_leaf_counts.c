/*
 * Numbers of entries of leaves that are derived when a store is opened, compared with the footers
 * in the file, which are read as FORMAT.md describes them.
 */
#include "map_fixture.h"

#include "answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint32_t leaf_sizes[] = {4096, 8192, 16384, 32768};
#define LEAF_SIZES (sizeof leaf_sizes / sizeof leaf_sizes[0])

/* A clustered store of `count` keys, every third number; values have `size` bytes, the last one
 * `last_size`. */
static ikv_store *make(const char *path, store_model *model, uint32_t leaf_size, size_t count,
                       size_t size, size_t last_size)
{
    ikv_writer_options options = store_options(IKV_KEY_U32);
    ikv_open_options how = IKV_OPEN_OPTIONS_INIT;
    unsigned char *value = must_malloc(size + last_size + 1);
    rng_state rng = {count + size};
    ikv_store *store = NULL;
    ikv_error err;

    model_init(model, IKV_KEY_U32);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t key = i * 3;
        rng_fill(&rng, value, size + last_size + 1);
        model_add(model, &key, value, i + 1 < count ? size : last_size);
    }
    model_sort(model, MODEL_KEEP_ALL);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = leaf_size;
    store_write(path, model, &options);
    how.backend = IKV_BACKEND_MMAP;
    assert_ok(ikv_open(path, &how, &store, &err), &err);
    free(value);
    return store;
}

static uint32_t number_in_footer(const char *path, const ikv_store *store, uint64_t leaf)
{
    const uint32_t size = store->leaves.leaf_size;
    FILE *file = fopen(path, "rb");
    unsigned char bytes[2];

    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(leaf * size + size - 16), SEEK_SET), 0);
    assert_int_equal(fread(bytes, 1, 2, file), 2);
    assert_int_equal(fclose(file), 0);
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static void check_derived(const char *path, uint32_t leaf_size, size_t count, size_t size)
{
    store_model model;
    ikv_store *store = make(path, &model, leaf_size, count, size, size);
    const struct ikv_leaf_counts *counts = &store->leaf_counts;

    if (store->leaves.count > 1) {
        assert_true(counts->inner > 0);
        assert_null((const void *)counts->each);
        for (uint64_t leaf = 0; leaf < store->leaves.count; leaf++)
            assert_int_equal(ikv_leaf_counts_of(counts, leaf), number_in_footer(path, store, leaf));
    }
    ikv_close(store);
    model_free(&model);
}

static void are_derived_from_one_size(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 100, 500, 1021, 3900, 4000};
    char *path = tmpdir_file(*state, "store");

    for (size_t l = 0; l < LEAF_SIZES; l++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            const size_t full = leaf_sizes[l] / (sizes[s] + 14) + 1;
            for (size_t count = 3 * full - 3; count <= 3 * full + 3; count++)
                check_derived(path, leaf_sizes[l], count, sizes[s]);
        }
    free(path);
}

/* One value of another size, or values too long for leaves: leaves may have any numbers. */
static void are_noted_otherwise(void **state)
{
    static const size_t sizes[][2] = {{100, 99}, {100, 101}, {100, 0}, {5000, 5000}};
    ikv_result *result = NULL;
    char *path = tmpdir_file(*state, "store");

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        store_model model;
        ikv_store *store = make(path, &model, 4096, 1000, sizes[i][0], sizes[i][1]);
        assert_int_equal(store->leaf_counts.inner, 0);
        assert_non_null((const void *)store->leaf_counts.each);
        for (uint32_t key = 0; key <= 1000; key++)
            assert_get(store, &model, &key, IKV_EXACT, result);
        ikv_close(store);
        model_free(&model);
    }
    ikv_result_free(result);
    free(path);
}

/* Present and absent keys in every match mode, though every number is wrong, and again when leaves
 * may have been verified. */
static void wrong_ones_make_no_answer_wrong(void **state)
{
    ikv_result *result = NULL;
    rng_state rng = {7};
    char *path = tmpdir_file(*state, "store");

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t l = 0; l < LEAF_SIZES; l++)
        for (int round = 0; round < 8; round++) {
            store_model model;
            ikv_store *store = make(path, &model, leaf_sizes[l], 2000, 60, 60);
            assert_true(store->leaf_counts.inner > 0);
            map_set_random_counts(store, &rng);
            for (int again = 0; again < 2; again++)
                for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
                    for (int shape = 0; shape < BATCH_SHAPES; shape++) {
                        size_t count;
                        unsigned char *keys =
                            batch_keys(&model, &rng, (batch_shape)shape, 100, &count);
                        assert_batch(store, &model, keys, count, (ikv_match)match, result);
                        free(keys);
                    }
            ikv_close(store);
            model_free(&model);
        }
    ikv_result_free(result);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_derived_from_one_size),
        cmocka_unit_test(are_noted_otherwise),
        cmocka_unit_test(wrong_ones_make_no_answer_wrong),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
