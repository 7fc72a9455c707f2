/*
 * The files that the crate wrote: each opens, gives exactly what it is expected to hold in every
 * way of reading, and is written again byte for byte. One cmocka test a file and subject.
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

/* A file and a directory to write in, as cmocka's initial state. */
typedef struct golden_case {
    const golden_file *file;
    const tmpdir *dir;
} golden_case;

/* The pairs as the expected table has them, but in arrival order, which only the file knows. */
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

static void every_way_of_reading_gives_the_pairs(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    store_model model;

    load_model(file, &model);
    assert_store_equals(file->path, &model);
    model_free(&model);
}

/* Batches of keys that are there, next to them, and far off, repeated, in random order. */
static void batches_give_what_the_model_has(void **state)
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

static void verify_finds_it_sound(void **state)
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

/* Equal where the crate's bytes are defined; zero in ours where they are not. */
static void assert_defined_bytes_equal(const decoded_store *ours, const decoded_store *crate)
{
    size_t defined = crate->layout.key_width + 8;
    size_t stride = crate->layout.stride;

    assert_int_equal(ours->file_size, crate->index_end);
    assert_memory_equal(ours->bytes, crate->bytes, 19);
    for (size_t i = 0; i < sizeof(ours->spare); i++)
        assert_int_equal(ours->spare[i], 0);
    assert_memory_equal(ours->bytes + 24, crate->bytes + 24, crate->index_start - 24);
    for (size_t i = 0; i < crate->pair_count; i++) {
        uint64_t entry = crate->index_start + i * stride;

        assert_memory_equal(ours->bytes + entry, crate->bytes + entry, defined);
        for (size_t k = defined; k < stride; k++)
            assert_int_equal(ours->bytes[entry + k], 0);
    }
}

static void plain_output_is_what_the_crate_wrote(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    decoder_layout layout = hostkey_layout(file->type, file->stride);
    ikv_writer_options options = store_options(file->type);
    decoded_store crate;
    decoded_store ours;
    store_model model;
    char *path = tmpdir_file(((const golden_case *)*state)->dir, "plain");

    load_model(file, &model);
    options.flags = IKV_WRITE_PLAIN;
    if (hostkey_width(file->type) == 16)
        options.stride = file->stride;
    store_write(path, &model, &options);
    assert_int_equal(decoder_read(file->path, &layout, &crate), 0);
    if (decoder_read(path, &layout, &ours) != 0)
        fail_msg("%s", ours.error);
    assert_defined_bytes_equal(&ours, &crate);
    decoder_free(&crate);
    decoder_free(&ours);
    model_free(&model);
    free(path);
}

static void the_same_pairs_as_a_store_of_ours(void **state)
{
    const golden_file *file = ((const golden_case *)*state)->file;
    ikv_writer_options options = store_options(file->type);
    store_model model;
    char *path = tmpdir_file(((const golden_case *)*state)->dir, "ours");

    load_model(file, &model);
    store_write(path, &model, &options);
    assert_store_equals(path, &model);
    model_free(&model);
    free(path);
}

static void it_is_refused_as_incomplete(void **state)
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
        add_test(list, one, "incomplete", it_is_refused_as_incomplete);
        return;
    }
    add_test(list, one, "info", info_is_right);
    add_test(list, one, "contents", every_way_of_reading_gives_the_pairs);
    add_test(list, one, "batches", batches_give_what_the_model_has);
    add_test(list, one, "verify", verify_finds_it_sound);
    /* The writer refuses what this file has: the same key twice. */
    if (strcmp(one->file->case_name, "dup") != 0) {
        add_test(list, one, "plain output", plain_output_is_what_the_crate_wrote);
        add_test(list, one, "as ours", the_same_pairs_as_a_store_of_ours);
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
