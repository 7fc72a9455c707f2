#include "bad_files.h"

#include "hostkey.h"
#include "stores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t place_offset(const bad_file *bad, const store_image *image)
{
    switch (bad->place) {
    case BAD_HEADER:
        return 0;
    case BAD_INDEX:
        return image_index_start(image);
    case BAD_FOOTER:
        return image_footer(image);
    case BAD_DIRECTORY:
        return image_directory(image);
    case BAD_ENTRY:
        return image_entry(image, bad->type);
    case BAD_SECTION:
        return image_section(image, bad->type);
    case BAD_LEAF:
        return image_leaf(image, bad->type);
    }
    test_die("unknown place: %d", (int)bad->place);
}

store_image bad_file_apply(const bad_file *bad, const store_image *sound)
{
    store_image image = image_copy(sound);
    unsigned char *at = image.bytes + place_offset(bad, sound) + bad->offset;

    if (bad->width == 0)
        *at = (unsigned char)(*at ^ bad->number);
    else
        edit_store(at, bad->width, bad->number);
    if (bad->fix & FIX_PAGES)
        image_repair_pages(&image);
    if (bad->fix & FIX_BLOCKS)
        image_repair_blocks(&image);
    if (bad->fix & FIX_SECTIONS)
        image_repair_sections(&image);
    if (bad->fix & FIX_DIRECTORY)
        image_repair_directory(&image);
    if (bad->fix & FIX_HEADER)
        image_repair_header(&image);
    if (bad->fix & FIX_FOOTER)
        image_repair_footer(&image);
    return image;
}

/* ---------------------------------------------------------------- no wrong answers */

static int is_damage(int code)
{
    return code <= IKV_E_HEADER && code >= IKV_E_PADDING;
}

/* With every match mode, an item is right or reported as damaged. */
static void check_batch(ikv_store *store, const store_model *model, const unsigned char *keys,
                        ikv_match match, ikv_result *result)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    size_t width = hostkey_width(model->type);
    ikv_error err;
    int code;

    options.match = match;
    code = ikv_get_many(store, keys, model->count, &options, result, &err);
    if (code != 0 && code != IKV_E_TRUNCATED)
        assert_ok(code, &err);
    for (size_t i = 0; i < model->count; i++) {
        const ikv_item *item = &ikv_result_items(result)[i];

        if (item->status == IKV_CORRUPT || item->status == IKV_UNREADABLE)
            assert_null(item->value);
        else
            assert_item(model, keys + i * width, match, item);
    }
}

static void check_single_gets(ikv_store *store, const store_model *model, ikv_result *result)
{
    for (size_t i = 0; i < model->count; i++) {
        const model_pair *pair = &model->pairs[i];
        int code = ikv_get(store, pair->key, NULL, result, NULL);

        if (code == 0)
            assert_item(model, pair->key, IKV_EXACT, ikv_result_items(result));
        else if (!is_damage(code) && code != IKV_E_TRUNCATED)
            fail_msg("pair %zu: ikv_get returned %d (%s)", i, code, ikv_strerror(code));
    }
}

/* Corrupt items may come between right ones, and the scan may end with an error. */
static void check_key_scan(ikv_store *store, const store_model *model)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scan = NULL;
    size_t delivered = 0;
    ikv_item item;
    int code = ikv_scan_open(store, &options, &scan, NULL);

    while (code == 0 && (code = ikv_scan_next(scan, &item, NULL)) == 0) {
        assert_true(delivered < model->sorted_count);
        assert_non_null(item.key);
        if (item.status == IKV_FOUND)
            assert_true(item_is_right(model, item.key, IKV_CEILING, &item));
        else
            assert_int_equal(item.status, IKV_CORRUPT);
        delivered++;
    }
    if (code == IKV_E_END)
        assert_int_equal(delivered, model->sorted_count);
    else if (!is_damage(code) && code != IKV_E_TRUNCATED)
        fail_msg("the scan in key order ended with %d (%s)", code, ikv_strerror(code));
    ikv_scan_close(scan);
}

static void check_storage_scan(ikv_store *store, const store_model *model)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scan = NULL;
    size_t delivered = 0;
    ikv_item item;
    int code;

    options.order = IKV_ORDER_STORAGE;
    code = ikv_scan_open(store, &options, &scan, NULL);
    while (code == 0 && (code = ikv_scan_next(scan, &item, NULL)) == 0) {
        assert_true(delivered < model->count);
        assert_int_equal(item.status, IKV_FOUND);
        const model_pair *pair = store_scanned_pair(store, model, options.order, delivered);
        assert_int_equal(item.size, pair->size);
        assert_memory_equal(item.value, pair->value, item.size);
        delivered++;
    }
    if (code == IKV_E_END)
        assert_int_equal(delivered, model->count);
    else if (!is_damage(code) && code != IKV_E_TRUNCATED)
        fail_msg("the scan in storage order ended with %d (%s)", code, ikv_strerror(code));
    ikv_scan_close(scan);
}

void assert_never_wrong_with(const char *path, const store_model *model, ikv_key_type type,
                             ikv_backend backend)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    size_t width = hostkey_width(model->type);
    unsigned char *keys = must_malloc(model->count * width);
    ikv_result *result = NULL;

    options.key_type = type;
    options.backend = backend;
    for (size_t i = 0; i < model->count; i++)
        memcpy(keys + i * width, model->pairs[i].key, width);
    assert_ok(ikv_result_new(&result), NULL);
    for (options.index_memory = 0; options.index_memory <= 1; options.index_memory++) {
        ikv_store *store = NULL;

        if (ikv_open(path, &options, &store, NULL) != 0)
            continue;
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            check_batch(store, model, keys, (ikv_match)match, result);
        check_single_gets(store, model, result);
        check_key_scan(store, model);
        check_storage_scan(store, model);
        ikv_close(store);
    }
    ikv_result_free(result);
    free(keys);
}

void assert_never_wrong(const char *path, const store_model *model, ikv_key_type type)
{
    assert_never_wrong_with(path, model, type, IKV_BACKEND_AUTO);
}

/* ---------------------------------------------------------------- the table */

static void check_bad_file(const char *path, const bad_file *bad, const store_model *model)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    int verify_code = bad->verify_code != 0 ? bad->verify_code : bad->open_code;
    ikv_store *store = NULL;
    ikv_error err = {0};
    int code;

    /* Given the key type, a damaged native store must not be opened as a plain file. */
    for (int with_type = 0; with_type <= 1; with_type++) {
        options.key_type = with_type ? model->type : IKV_KEY_NONE;
        store = NULL;
        code = ikv_open(path, &options, &store, &err);
        if (bad->open_code == 0)
            assert_ok(code, &err);
        else
            assert_failed(code, bad->open_code, &err, path);
        ikv_close(store);
        code = ikv_verify(path, &options, NULL, NULL, &err);
        if (verify_code == 0)
            assert_ok(code, &err);
        else
            assert_failed(code, verify_code, &err, path);
    }
}

/* The initial state of a cmocka test: one file of the table. */
typedef struct bad_case {
    const bad_source *source;
    const bad_file *bad;
    char name[80];
} bad_case;

static void test_bad_file(void **state)
{
    const bad_case *one = *state;
    store_image image = bad_file_apply(one->bad, &one->source->sound);
    char *path = tmpdir_file(&one->source->dir, one->name);

    image_save(&image, path);
    check_bad_file(path, one->bad, &one->source->model);
    assert_never_wrong(path, &one->source->model, IKV_KEY_NONE);
    image_free(&image);
    free(path);
}

int bad_files_run(const bad_source *source, const bad_file *bad, size_t count)
{
    struct CMUnitTest *tests = must_malloc(count * sizeof(*tests));
    bad_case *cases = must_malloc(count * sizeof(*cases));
    int failed;

    for (size_t i = 0; i < count; i++) {
        cases[i] = (bad_case){.source = source, .bad = &bad[i]};
        snprintf(cases[i].name, sizeof(cases[i].name), "bad-%s", bad[i].name);
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = test_bad_file, .initial_state = &cases[i]};
    }
    failed = _cmocka_run_group_tests(source->group, tests, count, NULL, NULL);
    free(tests);
    free(cases);
    return failed;
}
