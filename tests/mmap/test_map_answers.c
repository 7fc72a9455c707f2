/*
 * Lookups in memory compared with the naive model: every key type, match mode and batch shape, in
 * plain and indexkv stores, with and without fences, with correct and random residency hints and
 * samples; also with unevenly distributed keys, equal first words, and keys at the ends of the
 * type's range.
 */
#include "map_fixture.h"

#include "hostkey.h"
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const ikv_key_type types[] = {
    IKV_KEY_U8,        IKV_KEY_U16,       IKV_KEY_U32,      IKV_KEY_U64,      IKV_KEY_U128,
    IKV_KEY_I8,        IKV_KEY_I16,       IKV_KEY_I32,      IKV_KEY_I64,      IKV_KEY_I128,
    IKV_KEY_BYTES(1),  IKV_KEY_BYTES(7),  IKV_KEY_BYTES(8), IKV_KEY_BYTES(9), IKV_KEY_BYTES(16),
    IKV_KEY_BYTES(20), IKV_KEY_BYTES(128)};
#define TYPES (sizeof(types) / sizeof(types[0]))

static const open_mode modes[] = {{"auto", IKV_BACKEND_AUTO, 0},
                                  {"mmap", IKV_BACKEND_MMAP, 0},
                                  {"auto, no map", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP}};
#define MODES (sizeof(modes) / sizeof(modes[0]))

static ikv_store *open_with(const char *path, ikv_key_type type, const open_mode *mode,
                            uint64_t memory, uint32_t stride, ikv_engine *engine)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = type;
    options.backend = mode->backend;
    options.flags = mode->flags;
    options.index_memory = memory;
    options.stride = stride;
    options.engine = engine;
    assert_ok(ikv_open(path, &options, &store, &err), &err);
    return store;
}

static void check_batches(ikv_store *store, const store_model *model, rng_state *rng)
{
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    for (int shape = 0; shape < BATCH_SHAPES; shape++) {
        size_t count;
        unsigned char *keys = batch_keys(model, rng, (batch_shape)shape, 200, &count);

        /* The first round sets residency hints, the second uses them. */
        for (int round = 0; round < 2; round++)
            for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
                if (store->map && rng_below(rng, 4) == 0)
                    map_set_random_hints(store, rng);
                if (rng_below(rng, 8) == 0) {
                    map_set_random_samples(store, rng);
                    map_set_random_counts(store, rng);
                }
                assert_batch(store, model, keys, count, (ikv_match)match, result);
            }
        for (size_t i = 0; i < count && i < 5; i++)
            assert_get(store, model, keys + i * hostkey_width(model->type), IKV_EXACT, result);
        free(keys);
    }
    ikv_result_free(result);
}

static void check_store(const char *path, const store_model *model, uint32_t stride,
                        ikv_engine *engine, rng_state *rng)
{
    static const uint64_t memories[] = {0, 1}; /* index_memory: the default, and next to nothing */
    uint64_t number = rng_below(rng, 1000);    /* a short run takes other cases for each store */

    for (size_t m = 0; m < MODES; m++)
        for (size_t memory = 0; memory < 2; memory++) {
            if (!test_in_sample(number++, MODES * 2, 3))
                continue;
            ikv_store *store =
                open_with(path, model->type, &modes[m], memories[memory], stride, engine);
            check_batches(store, model, rng);
            ikv_close(store);
        }
}

static void check_type(const char *path, ikv_key_type type, model_keys shape, size_t count,
                       ikv_engine *engine, rng_state *rng)
{
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN)
        for (uint32_t stride = 0; stride <= 24; stride += 24) {
            ikv_writer_options options = store_options(type);
            store_model model;

            if (stride && (!flags || hostkey_width(type) != 16 || type == IKV_KEY_BYTES(16)))
                continue;
            model_init(&model, type);
            model_fill(&model, rng, count, shape, MODEL_SIZES_SMALL);
            options.flags = flags;
            options.stride = stride;
            store_write(path, &model, &options);
            check_store(path, &model, stride, engine, rng);
            model_free(&model);
        }
}

static void every_type(void **state)
{
    char *path = tmpdir_file(*state, "store");
    ikv_engine *engine = engine_make(2, 0, 0, 0);
    rng_state rng = {11};

    for (size_t t = 0; t < TYPES; t++)
        /* Uniform keys, and one other distribution. */
        for (size_t shape = 0; shape <= 3; shape += shape > 0 ? 4 : 1 + t % 3)
            check_type(path, types[t], (model_keys)shape, test_scaled(500), engine, &rng);
    ikv_engine_close(engine);
    free(path);
}

static void few_keys(void **state)
{
    static const size_t counts[] = {0, 1, 9};
    char *path = tmpdir_file(*state, "few");
    ikv_engine *engine = engine_make(1, 0, 0, 0);
    rng_state rng = {12};

    for (size_t t = 0; t < TYPES; t++)
        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
            check_type(path, types[t], MODEL_KEYS_CLUSTERED, counts[c], engine, &rng);
    ikv_engine_close(engine);
    free(path);
}

/* More keys than the calling thread looks up without the workers: several shards, both for keys in
 * memory and for the others. */
static void large_batches(void **state)
{
    static const ikv_key_type large[] = {IKV_KEY_U32, IKV_KEY_I64, IKV_KEY_U128, IKV_KEY_BYTES(20)};
    char *path = tmpdir_file(*state, "large");
    ikv_engine *engine = engine_make(2, 0, 0, 0);
    ikv_result *result = NULL;
    rng_state rng = {13};

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t t = 0; t < 4; t++) {
        store_model model;

        engine_fill(path, large[t], 0, test_scaled(12000), MODEL_SIZES_SMALL, t, &model);
        for (size_t m = 0; m < MODES; m++) {
            ikv_store *store = open_with(path, large[t], &modes[m], 0, 0, engine);
            for (int shape = BATCH_MIXED; shape < BATCH_SHAPES; shape++) {
                size_t count;
                unsigned char *keys =
                    batch_keys(&model, &rng, (batch_shape)shape, test_scaled(18000), &count);
                if (store->map)
                    map_set_random_hints(store, &rng);
                for (int round = 0; round < 2; round++)
                    assert_batch(store, &model, keys, count, IKV_EXACT, result);
                free(keys);
            }
            ikv_close(store);
        }
        model_free(&model);
    }
    ikv_result_free(result);
    ikv_engine_close(engine);
    free(path);
}

/* A fence tree of three or more levels. Keys grow exponentially, so interpolation always misses;
 * the last keys have all bits set, like the sentinel of the tree. */
static void uneven_keys(void **state)
{
    enum { COUNT = 25000 };
    const ikv_writer_options writing = store_options(IKV_KEY_U64);
    char *path = tmpdir_file(*state, "uneven");
    ikv_engine *engine = engine_make(2, 0, 0, 0);
    store_model model;
    rng_state rng = {14};

    model_init(&model, IKV_KEY_U64);
    for (uint64_t i = 0; i < COUNT; i++) {
        /* A run of keys from each power of two, a single key where powers are too close for a run,
         * and a run at the end of the range. */
        const uint64_t power = i % 64;
        const uint64_t key =
            power == 63 ? UINT64_MAX - i / 64 : (UINT64_C(1) << power) + i / 64 * (power > 20);
        if (power <= 20 && i >= 64)
            continue;
        model_add(&model, &key, &i, sizeof i);
    }
    (void)model_sort(&model, MODEL_KEEP_FIRST);
    ikv_writer_options options = writing;
    options.on_duplicate = IKV_DUPLICATES_FIRST;
    store_write(path, &model, &options);
    check_store(path, &model, 0, engine, &rng);
    model_free(&model);
    ikv_engine_close(engine);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(few_keys),
        cmocka_unit_test(large_batches),
        cmocka_unit_test(uneven_keys),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
