/* Key types and strides: given by the caller, detected in the file, and wrong ones. */
#include "indexkv.h"

#include "hostkey.h"
#include "open_checks.h"
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

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---------------------------------------------------------------- key types */

static void plain_files_need_a_key_type(void **state)
{
    char *path = tmpdir_file(*state, "plain");
    ikv_store *store = NULL;
    ikv_error err;

    for (size_t count = 0; count < 40; count += 13) {
        write_plain(path, IKV_KEY_U64, count, 0, NULL);
        assert_open_fails(path, IKV_KEY_NONE, IKV_E_KEY_TYPE_MISSING);
        assert_failed(ikv_open(path, NULL, &store, &err), IKV_E_KEY_TYPE_MISSING, &err, path);
        assert_opens(path, IKV_KEY_U64, 0);
    }
    free(path);
}

static void native_stores_have_a_key_type(void **state)
{
    char *path = tmpdir_file(*state, "typed");
    ikv_error err;

    for (size_t t = 0; t < hostkey_type_count; t++) {
        store_model model;

        write_native(path, hostkey_types[t], 5, &model);
        for (size_t other = 0; other < hostkey_type_count; other++)
            if (other == t)
                assert_opens(path, hostkey_types[other], 0);
            else
                assert_open_fails(path, hostkey_types[other], IKV_E_KEY_TYPE_MISMATCH);
        assert_opens(path, IKV_KEY_NONE, 0);
        assert_failed(open_as(path, IKV_KEY_NONE, 48, &err), IKV_E_STRIDE, &err, path);
        model_free(&model);
    }
    free(path);
}

/* With another width, positions are at other offsets. With another signedness, keys are out of
 * order. */
static void wrong_key_types_of_plain_files(void **state)
{
    static const struct {
        ikv_key_type is;
        ikv_key_type given;
    } cases[] = {
        {IKV_KEY_U64, IKV_KEY_U32},        {IKV_KEY_U64, IKV_KEY_U8},
        {IKV_KEY_U64, IKV_KEY_I64},        {IKV_KEY_I64, IKV_KEY_U64},
        {IKV_KEY_U32, IKV_KEY_U64},        {IKV_KEY_I32, IKV_KEY_U32},
        {IKV_KEY_U16, IKV_KEY_BYTES(2)},   {IKV_KEY_U64, IKV_KEY_BYTES(8)},
        {IKV_KEY_BYTES(8), IKV_KEY_U64},   {IKV_KEY_U128, IKV_KEY_U64},
        {IKV_KEY_U128, IKV_KEY_I128},      {IKV_KEY_U128, IKV_KEY_BYTES(24)},
        {IKV_KEY_BYTES(24), IKV_KEY_U128}, {IKV_KEY_BYTES(20), IKV_KEY_BYTES(24)},
    };
    char *path = tmpdir_file(*state, "mistaken");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        write_plain(path, cases[i].is, 500, 0, NULL);
        assert_opens(path, cases[i].is, 0);
        assert_open_fails(path, cases[i].given, IKV_E_KEY_TYPE_MISMATCH);
    }
    /* Wider entries than the file has room for. */
    write_plain(path, IKV_KEY_U64, 500, 0, NULL);
    assert_open_fails(path, IKV_KEY_BYTES(128), IKV_E_TRUNCATED);
    free(path);
}

static void invalid_options_are_refused(void **state)
{
    struct {
        ikv_open_options known;
        unsigned char later[8];
    } options = {IKV_OPEN_OPTIONS_INIT, {0}};
    char *path = tmpdir_file(*state, "options");
    ikv_store *store = NULL;
    ikv_error err;

    write_plain(path, IKV_KEY_U64, 10, 0, NULL);
    assert_failed(open_as(path, 77, 0, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(open_as(path, IKV_KEY_BYTES(0), 0, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(open_as(path, IKV_KEY_BYTES(129), 0, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(open_as(path, IKV_KEY_U64, 24, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(open_as(path, IKV_KEY_U64, 32, &err), IKV_E_INVALID, &err, NULL);
    options.known.key_type = IKV_KEY_U64;
    options.known.size = sizeof(options);
    assert_ok(ikv_open(path, &options.known, &store, &err), &err);
    ikv_close(store);
    store = NULL;
    options.later[7] = 1;
    assert_failed(ikv_open(path, &options.known, &store, &err), IKV_E_INVALID, &err, NULL);
    assert_null(store);
    free(path);
}

/* ---------------------------------------------------------------- strides */

/*
 * Two 128-bit keys that are valid with both strides, and a tail that hides the size of the index:
 *
 *     24 bytes per entry:  [0, position 24] [k, position 28]
 *     32 bytes per entry:  [0, position 24] padding [k', position 28]
 */
static void ambiguous_strides_must_be_given(void **state)
{
    char *path = tmpdir_file(*state, "ambiguous");
    unsigned char bytes[24 + 8 + 2 * 32 + 8] = {2, 0, 1, 2};
    unsigned char *index = bytes + 32;
    ikv_error err;

    edit_store(bytes + 11, 8, 32);
    edit_store(index + 16, 8, 24);
    edit_store(index + 24, 8, 5);  /* low half of k; padding if the stride is 32 */
    edit_store(index + 32, 8, 7);  /* high half of k, low half of k' */
    edit_store(index + 40, 8, 28); /* position of k, high half of k' */
    edit_store(index + 48, 8, 28); /* position of k' */
    file_write(path, bytes, sizeof(bytes));
    assert_open_fails(path, IKV_KEY_U128, IKV_E_STRIDE);
    assert_open_fails(path, IKV_KEY_I128, IKV_E_STRIDE);
    for (uint32_t stride = 24; stride <= 32; stride += 8) {
        ikv_store *store = store_open(path, IKV_KEY_U128, stride, 0);
        ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
        ikv_scan *scan = NULL;
        unsigned char file_key[16] = {0};
        unsigned char key[16];
        ikv_item item;
        ikv_info info;

        ikv_store_info(store, &info);
        assert_int_equal(info.stride, stride);
        assert_ok(ikv_scan_open(store, &options, &scan, &err), &err);
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        edit_store(file_key, 8, stride == 24 ? 5 : 7);
        edit_store(file_key + 8, 8, stride == 24 ? 7 : 28);
        hostkey_from_file(IKV_KEY_U128, file_key, key);
        assert_memory_equal(item.key, key, 16);
        assert_int_equal(ikv_scan_next(scan, &item, &err), IKV_E_END);
        ikv_scan_close(scan);
        ikv_close(store);
    }
    free(path);
}

/* In real files of any small size both strides are detected, with and without a tail. */
static void strides_are_detected(void **state)
{
    char *path = tmpdir_file(*state, "strides");

    for (size_t count = 2; count < 300; count += count < 20 ? 1 : 31)
        for (uint32_t stride = 24; stride <= 32; stride += 8)
            for (unsigned tail = 0; tail < 3; tail++) {
                ikv_key_type type = count % 2 == 0 ? IKV_KEY_U128 : IKV_KEY_I128;
                unsigned char garbage[5000];
                rng_state random = {count};
                ikv_store *store;
                ikv_info info;

                write_plain(path, type, count, stride, NULL);
                rng_fill(&random, garbage, sizeof(garbage));
                if (tail == 2)
                    memset(garbage, 0, sizeof(garbage));
                if (tail > 0)
                    file_patch(path, file_size(path), garbage, sizeof(garbage));
                store = store_open(path, type, 0, 0);
                ikv_store_info(store, &info);
                assert_int_equal(info.stride, stride);
                ikv_close(store);
            }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files_need_a_key_type),
        cmocka_unit_test(native_stores_have_a_key_type),
        cmocka_unit_test(wrong_key_types_of_plain_files),
        cmocka_unit_test(invalid_options_are_refused),
        cmocka_unit_test(ambiguous_strides_must_be_given),
        cmocka_unit_test(strides_are_detected),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
