/* Files opened as untrusted: verified before the first answer, never mapped, sizes capped. */
#include "indexkv.h"

#include "checks.h"
#include "fixtures.h"
#include "model.h"
#include "open_checks.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static ikv_open_options untrusted(ikv_backend backend)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;

    options.flags = IKV_OPEN_UNTRUSTED;
    options.backend = backend;
    return options;
}

static int try_open(const char *path, const ikv_open_options *options, ikv_error *err)
{
    ikv_store *store = NULL;
    const int code = ikv_open(path, options, &store, err);

    ikv_close(store);
    return code;
}

static void sound_files_open_without_a_mapping(void **state)
{
    static const ikv_backend backends[] = {IKV_BACKEND_AUTO, IKV_BACKEND_PREAD};
    char *path = tmpdir_file(*state, "store");
    store_model model;

    write_native(path, IKV_KEY_U64, 300, &model);
    for (size_t i = 0; i < 2; i++) {
        const ikv_open_options options = untrusted(backends[i]);
        ikv_result *result = NULL;
        ikv_store *store = NULL;
        ikv_info info;
        ikv_error err;

        assert_ok(ikv_open(path, &options, &store, &err), &err);
        ikv_store_info(store, &info);
        assert_int_equal(info.mapped, 0);
        assert_ok(ikv_result_new(&result), NULL);
        for (size_t k = 0; k < model.count; k++)
            assert_get(store, &model, model.pairs[k].key, IKV_EXACT, result);
        ikv_result_free(result);
        ikv_close(store);
    }
    model_free(&model);
    free(path);
}

static void options_that_map_are_refused(void **state)
{
    static const uint32_t flags[] = {IKV_OPEN_PRIME, IKV_OPEN_PRELOAD_INDEX, IKV_OPEN_PRELOAD};
    char *path = tmpdir_file(*state, "store");
    ikv_open_options options = untrusted(IKV_BACKEND_MMAP);
    ikv_error err;

    write_native(path, IKV_KEY_U64, 10, NULL);
    assert_failed(try_open(path, &options, &err), IKV_E_INVALID, &err, NULL);
    for (size_t i = 0; i < 3; i++) {
        options = untrusted(IKV_BACKEND_AUTO);
        options.flags |= flags[i];
        assert_failed(try_open(path, &options, &err), IKV_E_INVALID, &err, NULL);
    }
    options = (ikv_open_options)IKV_OPEN_OPTIONS_INIT;
    options.max_value_size = 100;
    assert_failed(try_open(path, &options, &err), IKV_E_INVALID, &err, NULL);
    free(path);
}

/* Whatever ikv_verify finds, opening finds, with the same code. */
static void every_flip_is_found_at_open(void **state)
{
    const ikv_open_options options = untrusted(IKV_BACKEND_AUTO);
    char *path = tmpdir_file(*state, "store");
    const size_t flips = test_scaled_min(2000, 200);
    rng_state rng = {18};

    write_native(path, IKV_KEY_U32, 200, NULL);
    const uint64_t bits = 8 * file_size(path);
    for (size_t i = 0; i < flips; i++) {
        const uint64_t bit = rng_below(&rng, bits);
        ikv_error err;

        file_flip_bit(path, bit);
        const int expected = ikv_verify(path, NULL, NULL, NULL, NULL);
        assert_true(expected < 0);
        assert_failed(try_open(path, &options, &err), expected, &err, path);
        file_flip_bit(path, bit);
    }
    assert_ok(try_open(path, &options, NULL), NULL);
    free(path);
}

static void write_values(const char *path, uint32_t flags, size_t size)
{
    const ikv_writer_options options = store_options_with(IKV_KEY_U64, flags);
    unsigned char *value = calloc(1, size);
    store_model model;

    assert_non_null(value);
    model_init(&model, IKV_KEY_U64);
    for (uint64_t key = 0; key < 3; key++)
        model_add(&model, &key, value, key == 1 ? size : 5);
    store_write(path, &model, &options);
    model_free(&model);
    free(value);
}

static void large_values_are_refused(void **state)
{
    char *path = tmpdir_file(*state, "store");
    const size_t size = 20000;

    for (int plain = 0; plain <= 1; plain++) {
        ikv_open_options options = untrusted(IKV_BACKEND_AUTO);
        ikv_error err;

        write_values(path, plain ? IKV_WRITE_PLAIN : 0, size);
        options.key_type = IKV_KEY_U64;
        assert_ok(try_open(path, &options, &err), &err);
        options.max_value_size = size;
        assert_ok(try_open(path, &options, &err), &err);
        options.max_value_size = size - 1;
        assert_failed(try_open(path, &options, &err), IKV_E_UNSUPPORTED, &err, path);
    }
    free(path);
}

static void plain_files_are_verified(void **state)
{
    char *path = tmpdir_file(*state, "store");
    ikv_open_options options = untrusted(IKV_BACKEND_AUTO);
    const unsigned char size = 77;
    ikv_error err;

    write_plain(path, IKV_KEY_U64, 50, 0, NULL);
    options.key_type = IKV_KEY_U64;
    assert_ok(try_open(path, &options, &err), &err);
    file_patch(path, 24, &size, 1); /* of the first record */
    assert_failed(try_open(path, &options, &err), IKV_E_RECORD, &err, path);
    options.flags = 0;
    assert_ok(try_open(path, &options, &err), &err);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_files_open_without_a_mapping),
        cmocka_unit_test(options_that_map_are_refused),
        cmocka_unit_test(every_flip_is_found_at_open),
        cmocka_unit_test(large_values_are_refused),
        cmocka_unit_test(plain_files_are_verified),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
