/* Stores of ranges that no writer makes: verification finds what is wrong. */
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLAGS       2
#define FLAG_RANGES 2u
#define VALUE_BYTES 40
#define VALUE_MIN   48

typedef struct raw_range {
    int16_t first;
    int16_t last;
} raw_range;

/* A store of pairs, which the flag then declares to be ranges. */
static void write_raw(const char *path, const raw_range *ranges, size_t count)
{
    ikv_writer_options options = store_options(IKV_KEY_I16);
    store_image image;
    store_model model;

    model_init(&model, IKV_KEY_I16);
    for (size_t i = 0; i < count; i++) {
        const unsigned char value[] = {'v', (unsigned char)ranges[i].last,
                                       (unsigned char)((uint16_t)ranges[i].last >> 8)};
        model_add(&model, &ranges[i].first, value, sizeof(value));
    }
    store_write(path, &model, &options);
    model_free(&model);
    image_load(path, &image);
    image.bytes[image_section(&image, EDIT_PROPERTIES) + FLAGS] |= FLAG_RANGES;
    image_repair(&image);
    image_save(&image, path);
    image_free(&image);
}

static void assert_verified(const char *path, int expected, uint64_t problems)
{
    ikv_verify_report report;
    ikv_error err;
    const int code = ikv_verify(path, NULL, NULL, &report, &err);

    if (expected == 0)
        assert_ok(code, &err);
    else
        assert_failed(code, expected, &err, path);
    assert_int_equal(report.problems, problems);
}

static void ranges_that_overlap(void **state)
{
    char *path = tmpdir_file(*state, "store");
    raw_range ranges[] = {{-9, -3}, {-2, -2}, {5, 6}, {7, 100}};

    write_raw(path, ranges, 4);
    assert_verified(path, 0, 0);
    ranges[0].last = -2;
    write_raw(path, ranges, 4);
    assert_verified(path, IKV_E_RECORD, 1);
    ranges[2].last = 7;
    write_raw(path, ranges, 4);
    assert_verified(path, IKV_E_RECORD, 2);
    ranges[0].last = ranges[2].last = -10;
    write_raw(path, ranges, 4);
    assert_verified(path, IKV_E_RECORD, 2);
    free(path);
}

/* Values must have room for a key. */
static void values_too_short(void **state)
{
    char *path = tmpdir_file(*state, "store");
    const raw_range range = {1, 2};
    ikv_verify_report report;
    store_image image;
    ikv_error err;

    write_raw(path, &range, 1);
    image_load(path, &image);
    edit_store(image.bytes + image_section(&image, EDIT_PROPERTIES) + VALUE_MIN, 4, 1);
    image_repair(&image);
    image_save(&image, path);
    assert_failed(ikv_verify(path, NULL, NULL, &report, &err), IKV_E_SECTION, &err, path);
    /* ikv_info has sizes without the keys. */
    ikv_store *store = NULL;
    edit_store(image.bytes + image_section(&image, EDIT_PROPERTIES) + VALUE_MIN, 4, 3);
    edit_store(image.bytes + image_section(&image, EDIT_PROPERTIES) + VALUE_BYTES, 8, 1);
    image_repair(&image);
    image_save(&image, path);
    assert_failed(ikv_open(path, NULL, &store, &err), IKV_E_SECTION, &err, path);
    /* A flag that this version does not know. */
    edit_store(image.bytes + image_section(&image, EDIT_PROPERTIES) + VALUE_BYTES, 8, 3);
    image.bytes[image_section(&image, EDIT_PROPERTIES) + FLAGS] |= 4;
    image_repair(&image);
    image_save(&image, path);
    assert_failed(ikv_open(path, NULL, &store, &err), IKV_E_UNSUPPORTED, &err, path);
    image_free(&image);
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ranges_that_overlap),
        TEST(values_too_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
