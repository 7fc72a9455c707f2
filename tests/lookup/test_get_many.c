/*
 * ikv_get and ikv_get_many on random stores, compared with the model: every key type, batch shape
 * and match mode, with all, some or no fences in memory.
 */
#include "indexkv.h"

#include "hostkey.h"
#include "model.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Memory for no fences, few, most, and all. */
static const uint64_t INDEX_MEMORIES[] = {1, 200, 2000, 0};

typedef enum batch_shape {
    BATCH_EMPTY,
    BATCH_ONE,
    BATCH_ALL_SORTED,
    BATCH_ALL_REVERSED,
    BATCH_ALL_SHUFFLED,
    BATCH_ALL_THE_SAME,
    BATCH_ABSENT,
    BATCH_DENSE,  /* consecutive keys of one part of the index */
    BATCH_SPARSE, /* keys that skip most pages */
    BATCH_RANDOM,
    BATCH_SHAPES
} batch_shape;

static size_t fill_from_model(batch_shape shape, rng_state *rng, const store_model *model,
                              unsigned char *keys)
{
    size_t width = hostkey_width(model->type);
    size_t count = model->sorted_count;
    size_t first = 0;
    size_t step = 1;

    if (count == 0)
        return 0;
    if (shape == BATCH_DENSE) {
        first = (size_t)rng_below(rng, count);
        count = count - first < 300 ? count : first + 300;
    } else if (shape == BATCH_SPARSE) {
        step = count / 13 + 1;
    }
    for (size_t i = first, k = 0; i < count; i += step, k++)
        memcpy(keys + k * width, model->sorted[i]->key, width);
    count = (count - first + step - 1) / step;
    if (shape == BATCH_ALL_SHUFFLED)
        rng_shuffle(rng, keys, count, width);
    if (shape == BATCH_ALL_REVERSED)
        for (size_t i = 0; i < count; i++)
            memcpy(keys + i * width, model->sorted[count - 1 - i]->key, width);
    return count;
}

/* Absent keys, each next to a present one. None if the store has all keys of the type. */
static size_t fill_absent(rng_state *rng, const store_model *model, unsigned char *keys)
{
    size_t width = hostkey_width(model->type);
    size_t count = 0;

    for (size_t tries = 0; tries < 200; tries++) {
        unsigned char *key = keys + count * width;

        model_probe_key(rng, model, key);
        for (size_t i = 0; i < 10 && model_find(model, key, IKV_EXACT) != NULL; i++)
            hostkey_next(model->type, key);
        count += model_find(model, key, IKV_EXACT) == NULL;
    }
    return count;
}

/* Room for the largest batch: every key of the model, or 300. */
static unsigned char *make_batch(batch_shape shape, rng_state *rng, const store_model *model,
                                 size_t *ret_count)
{
    size_t width = hostkey_width(model->type);
    unsigned char *keys = must_malloc((model->sorted_count + 300) * width);

    switch (shape) {
    case BATCH_EMPTY:
        *ret_count = 0;
        break;
    case BATCH_ONE:
        *ret_count = 1;
        model_probe_key(rng, model, keys);
        break;
    case BATCH_ALL_THE_SAME:
        *ret_count = 100;
        model_probe_key(rng, model, keys);
        for (size_t i = 1; i < 100; i++)
            memcpy(keys + i * width, keys, width);
        break;
    case BATCH_ABSENT:
        *ret_count = fill_absent(rng, model, keys);
        break;
    case BATCH_RANDOM:
        *ret_count = 1 + (size_t)rng_below(rng, 300);
        for (size_t i = 0; i < *ret_count; i++)
            model_probe_key(rng, model, keys + i * width);
        break;
    default:
        *ret_count = fill_from_model(shape, rng, model, keys);
        break;
    }
    return keys;
}

static void check_all_batches(const char *path, const store_model *model, rng_state *rng)
{
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t m = 0; m < COUNT_OF(INDEX_MEMORIES); m++) {
        ikv_store *store = store_open(path, model->type, 0, INDEX_MEMORIES[m]);

        for (int shape = 0; shape < BATCH_SHAPES; shape++)
            for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
                size_t count;
                unsigned char *keys = make_batch((batch_shape)shape, rng, model, &count);

                assert_batch(store, model, keys, count, (ikv_match)match, result);
                free(keys);
            }
        ikv_close(store);
    }
    ikv_result_free(result);
}

/* Small stores with every distribution of keys; large ones with two of them, chosen at random. */
static void check_type(const char *path, ikv_key_type type, size_t count, uint32_t flags,
                       rng_state *rng)
{
    int is_large = count > 100;
    int first = is_large ? (int)rng_below(rng, 2) : MODEL_KEYS_UNIFORM;

    for (int keys = first; keys <= MODEL_KEYS_PREFIXED; keys += 1 + is_large) {
        ikv_writer_options options = store_options(type);
        store_model model;

        options.flags = flags;
        model_init(&model, type);
        model_fill(&model, rng, count, (model_keys)keys, MODEL_SIZES_SMALL);
        store_write(path, &model, &options);
        check_all_batches(path, &model, rng);
        model_free(&model);
    }
}

static void small_stores_of_every_type(void **state)
{
    static const size_t counts[] = {0, 1, 2, 20};
    char *path = tmpdir_file(*state, "store");
    rng_state random = {1};

    for (size_t t = 0; t < hostkey_type_count; t++)
        for (size_t c = 0; c < COUNT_OF(counts); c++)
            check_type(path, hostkey_types[t], counts[c], c % 2 == 0 ? 0 : IKV_WRITE_PLAIN,
                       &random);
    free(path);
}

/* Indexes of many pages: a search without fences takes 6 or more levels. */
static void large_stores_of_integers(void **state)
{
    char *path = tmpdir_file(*state, "store");
    rng_state random = {2};

    for (size_t t = 0; t < HOSTKEY_INTEGER_TYPES; t++)
        check_type(path, hostkey_types[t], test_scaled(5000), 0, &random);
    free(path);
}

static void large_stores_of_byte_strings(void **state)
{
    char *path = tmpdir_file(*state, "store");
    rng_state random = {3};

    for (size_t t = HOSTKEY_INTEGER_TYPES; t < hostkey_type_count; t++)
        check_type(path, hostkey_types[t], test_scaled(3000), 0, &random);
    free(path);
}

static void large_plain_stores(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U32, IKV_KEY_I128, IKV_KEY_BYTES(20)};
    char *path = tmpdir_file(*state, "store");
    rng_state random = {4};

    for (size_t t = 0; t < COUNT_OF(types); t++)
        check_type(path, types[t], test_scaled(5000), IKV_WRITE_PLAIN, &random);
    free(path);
}

/* ---------------------------------------------------------------- values */

static void values_of_all_sizes(void **state)
{
    static const size_t sizes[] = {0,     1,     2,     3,     7,       8,       9,
                                   255,   256,   257,   4091,  4092,    4096,    16383,
                                   16384, 16385, 65535, 65537, 1048572, 1048577, 5000001};
    char *path = tmpdir_file(*state, "values");
    rng_state random = {5};

    for (int plain = 0; plain <= 1; plain++) {
        ikv_writer_options options = store_options(IKV_KEY_U32);
        store_model model;

        model_init(&model, IKV_KEY_U32);
        for (uint32_t round = 0; round < 3; round++)
            for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                uint32_t key = (uint32_t)(i * 7919 % 100) * 10 + round;
                unsigned char *value = must_malloc(sizes[i]);

                rng_fill(&random, value, sizes[i]);
                model_add(&model, &key, value, sizes[i]);
                free(value);
            }
        assert_int_equal(model_sort(&model, MODEL_KEEP_ALL), 0);
        options.flags = plain ? IKV_WRITE_PLAIN : 0;
        store_write(path, &model, &options);
        assert_store_equals(path, &model);
        check_all_batches(path, &model, &random);
        model_free(&model);
    }
    free(path);
}

/* In a batch with repeated keys each record is fetched once, and its items share the value. */
static void repeated_keys_share_one_value(void **state)
{
    char *path = tmpdir_file(*state, "store");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state random = {6};
    uint64_t keys[1000];
    uint64_t value_bytes = 0;
    ikv_result *result = NULL;
    const ikv_item *items;
    const ikv_stats *stats;
    store_model model;
    ikv_store *store;
    ikv_error err;

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &random, 100, MODEL_KEYS_UNIFORM, MODEL_SIZES_MIXED);
    store_write(path, &model, &options);
    store = store_open(path, 0, 0, 0);
    assert_ok(ikv_result_new(&result), NULL);
    for (size_t i = 0; i < 1000; i++)
        memcpy(&keys[i], model.pairs[i % 100].key, sizeof(keys[i]));
    for (size_t i = 0; i < 100; i++)
        value_bytes += model.pairs[i].size;
    assert_ok(ikv_get_many(store, keys, 1000, NULL, result, &err), &err);
    items = ikv_result_items(result);
    for (size_t i = 0; i < 1000; i++) {
        assert_item(&model, &keys[i], IKV_EXACT, &items[i]);
        /* Repeated keys that are looked up in memory are not merged. */
        if (store_backend() == IKV_BACKEND_PREAD || store_backend() == IKV_BACKEND_URING)
            assert_ptr_equal(items[i].value, items[i % 100].value);
    }
    stats = ikv_result_stats(result);
    assert_int_equal(stats->keys, 1000);
    if (stats->mapped == 0) {
        assert_int_equal(stats->distinct, 100);
        assert_int_equal(stats->records, 100);
        /* Leaves are counted as index. */
        assert_true(stats->record_bytes +
                        (store_layout() == IKV_LAYOUT_CLUSTERED ? stats->index_bytes : 0) >=
                    value_bytes);
    }
    assert_true(stats->record_reads <= 100 + stats->retries);
    ikv_result_free(result);
    ikv_close(store);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_stores_of_every_type),
        cmocka_unit_test(large_stores_of_integers),
        cmocka_unit_test(large_stores_of_byte_strings),
        cmocka_unit_test(large_plain_stores),
        cmocka_unit_test(values_of_all_sizes),
        cmocka_unit_test(repeated_keys_share_one_value),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
