/*
 * Files written by the crate: each opens, has the expected pairs with every kind of lookup and
 * scan, and is reproduced byte for byte. One cmocka test per file and subject.
 */
#include "indexkv.h"

#include "decoder.h"
#include "golden.h"
#include "hostkey.h"
#include "model.h"
#include "rng.h"
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

/* The initial state of a cmocka test: a file, and a directory to write in. */
typedef struct golden_case {
    const golden_file *file;
    const tmpdir *dir;
} golden_case;

/* The expected pairs, but in arrival order, which only the file has. */
static void load_model(const golden_file *file, store_model *ret_model)
{
    store_model expected;

    golden_expected(file, &expected);
    store_decode(file->path, file->type, file->stride, 0, ret_model);
    assert_models_equal(&expected, ret_model);
    model_free(&expected);
}

static void info_is_right(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    ikv_store *store = store_open(file->path, file->type, 0, 0);
    ikv_info info;

    ikv_store_info(store, &info);
    assert_int_equal(info.key_type, file->type);
    assert_int_equal(info.pair_count, file->pair_count);
    assert_int_equal(info.file_size, file->file_bytes);
    assert_int_equal(info.has_trailer, 0);
    assert_int_equal(info.in_key_order, 0);
    assert_int_equal(info.value_bytes, 0);
    assert_null(info.metadata);
    if (file->pair_count > 0)
        assert_int_equal(info.stride, file->stride);
    ikv_close(store);
}

static void contents_are_right(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    store_model model;

    load_model(file, &model);
    assert_store_equals(file->path, &model);
    model_free(&model);
}

/* Batches of present keys, neighbours, far away and repeated keys, in random order. */
static void batches_are_right(void **state)
{
    static const uint64_t memories[] = {1, 64, 0};
    const golden_file *file = ((const golden_case *)*state)->file;
    size_t width = hostkey_width(file->type);
    size_t count = 2 * file->pair_count + 50;
    unsigned char *keys = must_malloc(count * width);
    rng_state random = {file->file_bytes};
    ikv_result *result = NULL;
    store_model model;

    load_model(file, &model);
    assert_ok(ikv_result_new(&result), NULL);
    for (size_t m = 0; m < sizeof(memories) / sizeof(memories[0]); m++) {
        ikv_store *store =
            store_open(file->path, file->type, file->stride == 24 ? 24 : 0, memories[m]);

        for (size_t i = 0; i < count; i++)
            model_probe_key(&random, &model, keys + i * width);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(store, &model, keys, count, (ikv_match)match, result);
        ikv_close(store);
    }
    ikv_result_free(result);
    model_free(&model);
    free(keys);
}

static void verify_finds_no_problem(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_verify_report report;
    ikv_error err;

    options.key_type = file->type;
    assert_ok(ikv_verify(file->path, &options, NULL, &report, &err), &err);
    assert_int_equal(report.problems, 0);
    assert_int_equal(report.records, file->pair_count);
    assert_int_equal(report.has_trailer, 0);
    assert_int_equal(report.sections, 0);
}

/* Bytes that the format defines are equal; others are zero in files of this library. */
static void assert_defined_bytes_equal(const decoded_store *native, const decoded_store *crate)
{
    size_t defined = crate->layout.key_width + 8;
    size_t stride = crate->layout.stride;

    assert_int_equal(native->file_size, crate->index_end);
    assert_memory_equal(native->bytes, crate->bytes, 19);
    for (size_t i = 0; i < sizeof(native->spare); i++)
        assert_int_equal(native->spare[i], 0);
    assert_memory_equal(native->bytes + 24, crate->bytes + 24, crate->index_start - 24);
    for (size_t i = 0; i < crate->pair_count; i++) {
        uint64_t entry = crate->index_start + i * stride;

        assert_memory_equal(native->bytes + entry, crate->bytes + entry, defined);
        for (size_t k = defined; k < stride; k++)
            assert_int_equal(native->bytes[entry + k], 0);
    }
}

static void plain_output_is_the_same(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    decoder_layout layout = hostkey_layout(file->type, file->stride);
    ikv_writer_options options = store_options(file->type);
    decoded_store crate;
    decoded_store native;
    store_model model;
    char *path = tmpdir_file(((const golden_case *)*state)->dir, "plain");

    load_model(file, &model);
    options.flags = IKV_WRITE_PLAIN;
    if (hostkey_width(file->type) == 16)
        options.stride = file->stride;
    store_write(path, &model, &options);
    assert_int_equal(decoder_read(file->path, &layout, &crate), 0);
    if (decoder_read(path, &layout, &native) != 0)
        fail_msg("%s", native.error);
    assert_defined_bytes_equal(&native, &crate);
    decoder_free(&crate);
    decoder_free(&native);
    model_free(&model);
    free(path);
}

static void native_store_of_the_same_pairs(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    ikv_writer_options options = store_options(file->type);
    store_model model;
    char *path = tmpdir_file(((const golden_case *)*state)->dir, "native");

    load_model(file, &model);
    store_write(path, &model, &options);
    assert_store_equals(path, &model);
    model_free(&model);
    free(path);
}

static void is_refused_as_incomplete(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = file->type;
    assert_failed(ikv_open(file->path, &options, &store, &err), IKV_E_INCOMPLETE, &err, file->path);
    assert_null(store);
    assert_failed(ikv_verify(file->path, &options, NULL, NULL, &err), IKV_E_INCOMPLETE, &err,
                  file->path);
}

/* ---------------------------------------------------------------- the list of tests */

typedef struct test_list {
    struct CMUnitTest *tests;
    size_t count;
} test_list;

static void add_test(test_list *list, golden_case *one, const char *subject,
                     CMUnitTestFunction function)
{
    size_t size = strlen(one->file->path) + strlen(subject) + 3;
    char *name = must_malloc(size);
    const char *directory = one->file->stride == 24 ? "stride24/" : "";

    snprintf(name, size, "%s%s: %s", directory, one->file->name, subject);
    list->tests = must_realloc(list->tests, (list->count + 1) * sizeof(*list->tests));
    list->tests[list->count++] =
        (struct CMUnitTest){.name = name, .test_func = function, .initial_state = one};
}

static void add_tests_of(test_list *list, golden_case *one)
{
    if (!one->file->is_complete) {
        add_test(list, one, "incomplete", is_refused_as_incomplete);
        return;
    }
    add_test(list, one, "info", info_is_right);
    add_test(list, one, "contents", contents_are_right);
    add_test(list, one, "batches", batches_are_right);
    add_test(list, one, "verify", verify_finds_no_problem);
    /* The writer refuses equal keys. */
    if (strcmp(one->file->case_name, "dup") != 0) {
        add_test(list, one, "plain output", plain_output_is_the_same);
        add_test(list, one, "as a native store", native_store_of_the_same_pairs);
    }
}

int main(void)
{
    size_t count;
    golden_file *files = golden_list(&count);
    golden_case *cases = must_malloc(count * sizeof(*cases));
    test_list list = {NULL, 0};
    tmpdir dir;
    int failed;

    tmpdir_make_in_memory(&dir);
    for (size_t i = 0; i < count; i++) {
        cases[i] = (golden_case){&files[i], &dir};
        add_tests_of(&list, &cases[i]);
    }
    failed = _cmocka_run_group_tests("golden files", list.tests, list.count, NULL, NULL);
    for (size_t i = 0; i < list.count; i++)
        free((void *)(uintptr_t)list.tests[i].name);
    free(list.tests);
    free(cases);
    free(files);
    tmpdir_remove(&dir);
    return failed;
}
