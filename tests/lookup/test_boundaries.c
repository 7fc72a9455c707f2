/*
 * Boundary cases: pair counts around powers of two and around full index pages, and the smallest
 * and greatest keys of every type.
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

/* Look up every key, neighbors and random keys in a store of `count` pairs, with all fences and
 * without. Keys are two apart if the type is wide enough, so that absent keys lie between them. */
static void check_count(const char *path, ikv_key_type type, size_t count, uint32_t flags,
                        uint32_t stride)
{
    ikv_writer_options options = store_options(type);
    size_t width = hostkey_width(type);
    uint64_t apart = width == 1 ? 1 : 2;
    uint64_t step = count % 3 == 0 ? 1 : 3; /* 3: pairs are not added in key order */
    unsigned char *keys = must_malloc((3 * count + 20) * width);
    ikv_result *result = NULL;
    rng_state random = {count};
    store_model model;

    model_init(&model, type);
    for (uint64_t i = 0; i < count; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];

        hostkey_nth(type, i * step % count * apart, key);
        model_add(&model, key, &i, (size_t)(i % 9));
    }
    assert_int_equal(model_sort(&model, MODEL_KEEP_ALL), 0);
    options.flags = flags;
    options.stride = stride;
    store_write(path, &model, &options);
    for (size_t i = 0; i < 3 * count + 20; i++)
        if (i < count)
            memcpy(keys + i * width, model.sorted[i]->key, width);
        else
            model_probe_key(&random, &model, keys + i * width);
    assert_ok(ikv_result_new(&result), NULL);
    for (uint64_t memory = 0; memory <= 1; memory++) {
        ikv_store *store = store_open(path, type, stride, memory);

        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(store, &model, keys, 3 * count + 20, (ikv_match)match, result);
        assert_key_scan(store, &model, NULL, NULL, 0, 0);
        ikv_close(store);
    }
    ikv_result_free(result);
    model_free(&model);
    free(keys);
}

static void counts_around_powers_of_two(void **state)
{
    char *path = tmpdir_file(*state, "store");

    check_count(path, IKV_KEY_U64, 0, 0, 0);
    for (size_t power = 1; power <= 4096; power *= 2) {
        check_count(path, IKV_KEY_U64, power - 1, 0, 0);
        check_count(path, IKV_KEY_U64, power, 0, 0);
        check_count(path, IKV_KEY_U64, power + 1, 0, 0);
    }
    free(path);
}

static void all_keys_of_narrow_types(void **state)
{
    char *path = tmpdir_file(*state, "store");

    for (size_t count = 254; count <= 256; count++) {
        check_count(path, IKV_KEY_U8, count, 0, 0);
        check_count(path, IKV_KEY_I8, count, 0, 0);
        check_count(path, IKV_KEY_BYTES(1), count, 0, 0);
    }
    check_count(path, IKV_KEY_U16, 32768, 0, 0);
    free(path);
}

#define PAGE_EDGE_CASES (12u * 26) /* 12 for each of the calls below */
/* Pair counts around the end of the first pages. If the stride does not divide 4096, entries cross
 * page boundaries and the first entry of each page has another offset. */
static void check_page_edges(const char *path, ikv_key_type type, uint32_t flags, uint32_t stride,
                             size_t *number)
{
    decoder_layout layout = hostkey_layout(type, stride);

    for (size_t page = 1; page <= 3; page++) {
        size_t entries = page * 4096 / layout.stride;

        for (size_t count = entries - 1; count <= entries + 2; count++)
            if (test_in_sample((*number)++, PAGE_EDGE_CASES, 60))
                check_count(path, type, count, flags, stride);
    }
}

static void counts_around_full_pages(void **state)
{
    char *path = tmpdir_file(*state, "store");
    size_t number = 0;

    /* Types of one byte have too few keys to fill pages. */
    for (size_t t = 0; t < hostkey_type_count; t++)
        if (hostkey_width(hostkey_types[t]) > 1)
            check_page_edges(path, hostkey_types[t], 0, 0, &number);
    check_page_edges(path, IKV_KEY_U32, IKV_WRITE_PLAIN, 0, &number);
    check_page_edges(path, IKV_KEY_BYTES(20), IKV_WRITE_PLAIN, 0, &number);
    check_page_edges(path, IKV_KEY_U128, IKV_WRITE_PLAIN, 24, &number);
    check_page_edges(path, IKV_KEY_I128, IKV_WRITE_PLAIN, 24, &number);
    check_page_edges(path, IKV_KEY_I128, IKV_WRITE_PLAIN, 32, &number);
    assert_int_equal(number, PAGE_EDGE_CASES);
    free(path);
}

static void every_width_of_byte_strings(void **state)
{
    char *path = tmpdir_file(*state, "store");

    for (unsigned width = 1; width <= 128; width++)
        if (width == 128 || test_in_sample(width - 1, 128, 20))
            check_count(path, IKV_KEY_BYTES(width), 250, width % 2 == 0 ? 0 : IKV_WRITE_PLAIN, 0);
    free(path);
}

/* The smallest and greatest key and the two in the middle (-1 and 0 if signed), in all
 * combinations. */
static void extreme_keys(void **state)
{
    char *path = tmpdir_file(*state, "store");

    for (size_t t = 0; t < hostkey_type_count; t++)
        for (unsigned chosen = 0; chosen < 16; chosen++) {
            ikv_key_type type = hostkey_types[t];
            ikv_writer_options options = store_options(type);
            unsigned char middle[IKV_KEY_WIDTH_MAX] = {0x80};
            unsigned char keys[4][IKV_KEY_WIDTH_MAX];
            store_model model;

            hostkey_greatest(type, keys[0]);
            hostkey_from_ordered(type, middle, keys[1]);
            memcpy(keys[2], keys[1], sizeof(keys[2]));
            hostkey_previous(type, keys[2]);
            hostkey_least(type, keys[3]);
            model_init(&model, type);
            for (unsigned i = 0; i < 4; i++)
                if (chosen >> i & 1)
                    model_add(&model, keys[i], "extreme", i + 1);
            model_sort(&model, MODEL_KEEP_ALL);
            store_write(path, &model, &options);
            assert_store_equals(path, &model);
            options.flags = IKV_WRITE_PLAIN;
            store_write(path, &model, &options);
            assert_store_equals(path, &model);
            model_free(&model);
        }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_around_powers_of_two),
        cmocka_unit_test(all_keys_of_narrow_types),
        cmocka_unit_test(counts_around_full_pages),
        cmocka_unit_test(every_width_of_byte_strings),
        cmocka_unit_test(extreme_keys),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
