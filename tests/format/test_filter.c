/* Filters of absent keys: no present key is reported absent, and few absent ones pass. Stores with
 * filters. */
#include "core/format/filter.h"

#include "hostkey.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void present_keys_pass(void **state)
{
    static const uint32_t counts[] = {1, 2, 3, 7, 50, 999, 5000, 30000, 65536, 66000};
    rng_state rng = {3};
    (void)state;

    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (uint32_t bits = 8; bits <= 16; bits += 8) {
            uint64_t *hashes = must_malloc(counts[c] * sizeof *hashes);
            struct ikv_filter_segment segment;
            unsigned char *cells = NULL;
            uint32_t false_positives = 0;
            for (uint32_t i = 0; i < counts[c]; i++)
                hashes[i] = rng_next(&rng);
            assert_int_equal(ikv_filter_build(hashes, counts[c], bits, &segment, &cells), 0);
            assert_non_null(cells);
            for (uint32_t i = 0; i < counts[c]; i++)
                assert_true(ikv_filter_may_contain(&segment, cells, hashes[i]));
            for (uint32_t i = 0; i < 100000; i++)
                false_positives += ikv_filter_may_contain(&segment, cells, rng_next(&rng));
            /* 390.6 are expected with 8 bits; five standard deviations are 99. */
            assert_in_range(false_positives, 0, bits == 8 ? 490 : 12);
            if (counts[c] >= 65536)
                assert_true((double)ikv_filter_size(&segment) * 8 / counts[c] <= bits * 1.15);
            free(cells);
            free(hashes);
        }
    }
}

static void equal_hashes(void **state)
{
    uint64_t hashes[] = {1, 2, 3, 4, 5, 3};
    struct ikv_filter_segment segment;
    unsigned char *cells = NULL;
    (void)state;

    assert_int_equal(ikv_filter_build(hashes, 6, 8, &segment, &cells), 0);
    assert_null(cells);
    assert_true(ikv_filter_may_contain(&segment, NULL, 77));
}

#define BATCH 20u /* few, so that hardly any two are in the same leaf */

static ikv_store *open_without_map(const char *path, uint64_t index_memory)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;
    options.index_memory = index_memory;
    options.backend = IKV_BACKEND_PREAD;
    assert_ok(ikv_open(path, &options, &store, &err), &err);
    return store;
}

/* Looks up all present keys and `count` absent ones. Returns the statistics of the latter. */
static ikv_stats look_up(ikv_store *store, const store_model *model, size_t count)
{
    rng_state rng = {31};
    uint64_t keys[BATCH];
    ikv_stats stats = {0};
    ikv_result *result = NULL;
    ikv_error err;
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t i = 0; i < model->count; i += 1000) {
        const size_t n = model->count - i < 1000 ? model->count - i : 1000;
        uint64_t present[1000];
        for (size_t k = 0; k < n; k++)
            memcpy(&present[k], model->pairs[i + k].key, sizeof present[k]);
        assert_batch(store, model, present, n, IKV_EXACT, result);
    }
    for (size_t i = 0; i < count; i += BATCH) {
        for (size_t k = 0; k < BATCH; k++)
            keys[k] = rng_next(&rng);
        assert_ok(ikv_get_many(store, keys, BATCH, NULL, result, &err), &err);
        ikv_stats_add(&stats, ikv_result_stats(result));
    }
    ikv_result_free(result);
    return stats;
}

static void stores_with_a_filter(void **state)
{
    char *path = tmpdir_file(*state, "filtered");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state rng = {5};
    store_model model;
    ikv_verify_report report;
    ikv_error err;

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, 200000, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.filter_bits = 8;
    store_write(path, &model, &options);
    assert_ok(ikv_verify(path, NULL, NULL, &report, &err), &err);

    ikv_info info;
    ikv_store *store = open_without_map(path, 0);
    ikv_store_info(store, &info);
    ikv_close(store);
    store = open_without_map(path, info.index_pages * 8 + info.filter_memory);
    ikv_stats stats = look_up(store, &model, 50000);
    ikv_close(store);
    assert_int_equal(stats.missing, 50000);
    /* All but keys in the leaf of another key that passed. */
    assert_in_range(stats.filter_asked, 49900, 50005);
    /* 195 keys pass on average. */
    assert_in_range(stats.filter_asked - stats.filter_answered, 100, 300);
    assert_true(stats.index_reads <= 300);

    /* Half of the filter fits into memory: reads are needed for half of the keys. */
    store = open_without_map(path, info.index_pages * 8 + info.filter_memory / 2);
    stats = look_up(store, &model, 50000);
    ikv_close(store);
    assert_int_equal(stats.missing, 50000);
    assert_in_range(stats.filter_answered, 15000, 35000);
    model_free(&model);
    free(path);
}

/* Neighbouring leaves share reads, up to the size of a slot; each key is asked about once. */
static void each_key_is_asked_once(void **state)
{
    char *path = tmpdir_file(*state, "asked");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    const unsigned char value[400] = {0};
    uint64_t keys[1000];
    ikv_result *result = NULL;
    store_model model;
    ikv_error err;

    model_init(&model, IKV_KEY_U64);
    for (uint64_t key = 0; key < 9000; key++)
        model_add(&model, &key, value, sizeof value);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = 4096;
    options.filter_bits = 8;
    store_write(path, &model, &options);
    ikv_store *store = open_without_map(path, 0);
    for (size_t i = 0; i < 1000; i++)
        keys[i] = 9 * i;
    assert_int_equal(ikv_result_new(&result), 0);
    assert_ok(ikv_get_many(store, keys, 1000, NULL, result, &err), &err);
    assert_int_equal(ikv_result_stats(result)->found, 1000);
    assert_int_equal(ikv_result_stats(result)->filter_asked, 1000);
    ikv_result_free(result);
    ikv_close(store);
    model_free(&model);
    free(path);
}

/* Damage costs additional reads, but gives no wrong answers, and verify reports it. */
static void damaged_filters(void **state)
{
    char *path = tmpdir_file(*state, "damaged");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state rng = {7};
    store_model model;
    ikv_verify_report report;
    ikv_error err;

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, 3000, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.filter_bits = 16;
    store_write(path, &model, &options);
    const uint64_t size = file_size(path);
    for (unsigned i = 0; i < 40; i++) {
        /* Sections of the filter end where the directory of five sections and the footer begin. */
        const uint64_t back = 96 + 5 * 32 + 1 + rng_below(&rng, 3000 * 2);
        const uint64_t bit = (size - back) * 8 + rng_below(&rng, 8);
        file_flip_bit(path, bit);
        ikv_store *store = open_without_map(path, 0);
        const ikv_stats stats = look_up(store, &model, 1000);
        ikv_close(store);
        assert_int_equal(stats.missing, 1000);
        assert_failed(ikv_verify(path, NULL, NULL, &report, &err), IKV_E_SECTION, &err, path);
        file_flip_bit(path, bit);
    }
    assert_ok(ikv_verify(path, NULL, NULL, &report, &err), &err);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(present_keys_pass),    cmocka_unit_test(equal_hashes),
        cmocka_unit_test(stores_with_a_filter), cmocka_unit_test(each_key_is_asked_once),
        cmocka_unit_test(damaged_filters),
    };
    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
