/*
 * Random programs: stores of random type, contents and options, each with a random sequence of
 * gets, batches and scans compared with the model. The seed of a failing round is printed;
 * INDEXKV_TEST_SEED runs only that round.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void random_batch(ikv_store *store, const store_model *model, rng_state *rng,
                         ikv_result *result)
{
    size_t width = hostkey_width(model->type);
    size_t count = (size_t)(rng_below(rng, 2) == 0 ? rng_below(rng, 8) : rng_below(rng, 600));
    unsigned char *keys = must_malloc(count * width);

    for (size_t i = 0; i < count; i++)
        model_probe_key(rng, model, keys + i * width);
    assert_batch(store, model, keys, count, (ikv_match)rng_below(rng, 3), result);
    free(keys);
}

static void random_scan(ikv_store *store, const store_model *model, rng_state *rng)
{
    unsigned char from[IKV_KEY_WIDTH_MAX];
    unsigned char to[IKV_KEY_WIDTH_MAX];
    uint64_t limit = rng_below(rng, 3) == 0 ? rng_below(rng, 1000) : 0;
    uint64_t memory = rng_below(rng, 2) == 0 ? 1 + rng_below(rng, 100000) : 0;

    if (rng_below(rng, 4) == 0) {
        const model_pair **order = model_by_arrival(model);

        assert_storage_scan(store, order, model->sorted_count, limit, memory);
        free(order);
        return;
    }
    model_probe_key(rng, model, from);
    model_probe_key(rng, model, to);
    assert_key_scan(store, model, rng_below(rng, 4) == 0 ? NULL : from,
                    rng_below(rng, 4) == 0 ? NULL : to, limit, memory);
}

static void random_operations(ikv_store *store, const store_model *model, rng_state *rng)
{
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t i = 0; i < 12; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];

        switch (rng_below(rng, 4)) {
        case 0:
            random_scan(store, model, rng);
            break;
        case 1:
            model_probe_key(rng, model, key);
            assert_get(store, model, key, (ikv_match)rng_below(rng, 3), result);
            break;
        default:
            random_batch(store, model, rng, result);
            break;
        }
    }
    ikv_result_free(result);
}

static void random_round(const char *path, uint64_t seed)
{
    rng_state random = {seed};
    ikv_key_type type = rng_below(&random, 3) == 0
                            ? IKV_KEY_BYTES(1 + rng_below(&random, 128))
                            : hostkey_types[rng_below(&random, hostkey_type_count)];
    ikv_writer_options options = store_options(type);
    size_t count = (size_t)rng_below(&random, UINT64_C(1) << rng_below(&random, 14));
    store_model model;
    ikv_store *store;

    model_init(&model, type);
    model_fill(&model, &random, count, (model_keys)rng_below(&random, 4),
               (model_sizes)rng_below(&random, 3));
    options.flags = rng_below(&random, 3) == 0 ? IKV_WRITE_PLAIN : 0;
    options.expected_pairs = rng_below(&random, 2) == 0 ? count : 0;
    options.memory = rng_below(&random, 2) == 0 ? 8 << 20 : 0;
    if (options.layout == IKV_LAYOUT_CLUSTERED) {
        static const uint32_t leaf_sizes[] = {0, 4096, 8192, 16384, 32768};
        static const uint32_t filters[] = {0, 8, 16};
        options.leaf_size = leaf_sizes[rng_below(&random, 5)];
        options.filter_bits = filters[rng_below(&random, 3)];
        if (!(options.flags & IKV_WRITE_PLAIN) && rng_below(&random, 2) == 0)
            options.flags = IKV_WRITE_NO_V2_INDEX;
    }
    store_write(path, &model, &options);
    store =
        store_open(path, type, 0, rng_below(&random, 2) == 0 ? 0 : 1 + rng_below(&random, 4000));
    random_operations(store, &model, &random);
    ikv_close(store);
    model_free(&model);
}

static void random_programs(void **state)
{
    const char *only = getenv("INDEXKV_TEST_SEED");
    char *path = tmpdir_file(*state, "store");
    char *seed_path = tmpdir_file(*state, "seed");

    if (only != NULL) {
        random_round(path, strtoull(only, NULL, 0));
    } else {
        for (uint64_t seed = 1; seed <= test_scaled(4000); seed++) {
            char line[64];
            int length = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)seed);

            /* A failed assertion leaves by longjmp, so the teardown reads the seed from a file. */
            file_write(seed_path, line, (size_t)length);
            random_round(path, seed);
        }
    }
    if (file_exists(seed_path))
        (void)remove(seed_path);
    free(path);
    free(seed_path);
}

/* Print the seed of an unfinished round. */
static int print_seed(void **state)
{
    char *seed_path = tmpdir_file(*state, "seed");

    if (file_exists(seed_path)) {
        size_t size;
        unsigned char *text = file_read(seed_path, &size);

        print_error("the failing round is INDEXKV_TEST_SEED=%s", (const char *)text);
        free(text);
    }
    free(seed_path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(random_programs, print_seed),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
