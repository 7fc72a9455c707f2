/* Files written with every key type, and many sizes, orders and numbers of pairs: compared with the
 * model by the decoder and by lookups. */
#include "hostkey.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int make_directory(void **state)
{
    tmpdir *dir = must_malloc(sizeof(*dir));
    tmpdir_make_in_memory(dir);
    *state = dir;
    return 0;
}

static int remove_directory(void **state)
{
    tmpdir_remove(*state);
    free(*state);
    return 0;
}

/* Writes a native store and a plain file, and checks them. */
static void assert_both_forms(const tmpdir *dir, const store_model *model)
{
    char *path = tmpdir_file(dir, "store");
    ikv_writer_options options = store_options(model->type);

    store_write(path, model, &options);
    assert_written(path, model, false, 0);
    assert_store_equals(path, model);
    assert_int_equal(ikv_verify(path, NULL, NULL, NULL, NULL), 0);
    options.flags = IKV_WRITE_PLAIN;
    store_write(path, model, &options);
    assert_written(path, model, true, 0);
    assert_store_equals(path, model);
    assert_int_equal(tmpdir_count(dir), 1);
    free(path);
}

/* ---------------------------------------------------------------- keys */

static void add_key(store_model *model, const void *key)
{
    static const size_t sizes[] = {0, 1, 2, 255, 256, 257, 4072, 4073};
    unsigned char value[4096];
    size_t number = model->count;

    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (unsigned char)(number * 31 + i);
    model_add(model, key, value, sizes[number % (sizeof(sizes) / sizeof(sizes[0]))]);
}

/* The extreme keys and their neighbours, keys around zero and powers of 256, and random keys. */
static void add_extremes(store_model *model, ikv_key_type type)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];
    rng_state rng = {type};

    hostkey_least(type, key);
    add_key(model, key);
    if (hostkey_next(type, key))
        add_key(model, key);
    hostkey_greatest(type, key);
    add_key(model, key);
    if (hostkey_previous(type, key))
        add_key(model, key);
    for (size_t at = 0; at < hostkey_width(type); at++) {
        unsigned char ordered[IKV_KEY_WIDTH_MAX] = {0};
        ordered[at] = 1;
        hostkey_from_ordered(type, ordered, key);
        add_key(model, key);
        (void)hostkey_previous(type, key);
        add_key(model, key);
        ordered[at] = 0x80;
        hostkey_from_ordered(type, ordered, key);
        add_key(model, key);
        (void)hostkey_previous(type, key);
        add_key(model, key);
    }
    for (size_t i = 0; i < 100; i++) {
        model_random_key(&rng, type, MODEL_KEYS_UNIFORM, key);
        add_key(model, key);
    }
}

/* Copies the first pair of each key. */
static void copy_distinct(store_model *from, store_model *to)
{
    (void)model_sort(from, MODEL_KEEP_FIRST);
    const model_pair **order = model_by_arrival(from);
    for (size_t i = 0; i < from->sorted_count; i++)
        model_add(to, order[i]->key, order[i]->value, order[i]->size);
    assert_int_equal(model_sort(to, MODEL_KEEP_ALL), 0);
    free(order);
}

static void every_key_type_with_its_extremes(void **state)
{
    for (size_t i = 0; i < hostkey_type_count; i++) {
        store_model all;
        store_model model;
        model_init(&all, hostkey_types[i]);
        model_init(&model, hostkey_types[i]);
        add_extremes(&all, hostkey_types[i]);
        copy_distinct(&all, &model);
        assert_both_forms(*state, &model);
        model_free(&all);
        model_free(&model);
    }
}

static void every_width_of_byte_strings(void **state)
{
    const unsigned step = test_is_sanitized() ? 7 : 1;
    for (unsigned width = 1; width <= IKV_KEY_WIDTH_MAX; width += step) {
        if (width < IKV_KEY_WIDTH_MAX && !test_in_sample(width - 1, IKV_KEY_WIDTH_MAX, 24))
            continue;
        store_model model;
        rng_state rng = {width};
        model_init(&model, IKV_KEY_BYTES(width));
        model_fill(&model, &rng, 60, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
        assert_both_forms(*state, &model);
        model_free(&model);
    }
}

/* All keys of a type. */
static void all_keys_of_narrow_types(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U8, IKV_KEY_I8, IKV_KEY_BYTES(1), IKV_KEY_U16,
                                         IKV_KEY_I16};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        uint64_t count = hostkey_width(types[i]) == 1 ? 256 : 65536;
        store_model model;
        if (!test_in_sample(i, 5, 4))
            continue;
        model_init(&model, types[i]);
        for (uint64_t n = 0; n < count; n++) {
            unsigned char key[IKV_KEY_WIDTH_MAX];
            hostkey_nth(types[i], (n * 40503) % count, key); /* odd factor: a permutation */
            model_add(&model, key, &n, 3);
        }
        assert_int_equal(model_sort(&model, MODEL_KEEP_ALL), 0);
        assert_both_forms(*state, &model);
        model_free(&model);
    }
}

/* ---------------------------------------------------------------- sizes and numbers */

static void every_value_size(void **state)
{
    static const size_t sizes[] = {0,         1,
                                   2,         255,
                                   256,       257,
                                   65535,     65536,
                                   65537,     5u << 20,
                                   0,         (1u << 20) - 24,
                                   1u << 20,  (1u << 20) + 1,
                                   4096 - 32, 3};
    unsigned char *value = must_malloc(5u << 20);
    store_model model;
    rng_state rng = {5};

    rng_fill(&rng, value, 5u << 20);
    model_init(&model, IKV_KEY_U64);
    for (uint64_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t key = i * UINT64_C(0x9e3779b97f4a7c15);
        model_add(&model, &key, value, sizes[i]);
    }
    (void)model_sort(&model, MODEL_KEEP_ALL);
    assert_both_forms(*state, &model);
    model_free(&model);
    free(value);
}

/* Records that end just before, at and after boundaries of blocks and pages. */
static void records_at_block_boundaries(void **state)
{
    const size_t edge = (1u << 20) - 24 - 8; /* a record's size field and its checksum */
    unsigned char *value = must_malloc(edge + 16);
    rng_state rng = {6};

    rng_fill(&rng, value, edge + 16);
    for (size_t size = edge - 5; size <= edge + 9; size += 2) {
        store_model model;
        model_init(&model, IKV_KEY_U8);
        model_add(&model, "b", value, size);
        model_add(&model, "a", value, 1);
        model_add(&model, "c", value, 0);
        (void)model_sort(&model, MODEL_KEEP_ALL);
        assert_both_forms(*state, &model);
        model_free(&model);
    }
    free(value);
}

/* Numbers of pairs around those of full index pages, for entries of 16, 24, 32 and 136 bytes. */
static void numbers_of_pairs_around_powers_of_two(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U32, IKV_KEY_BYTES(9), IKV_KEY_U128,
                                         IKV_KEY_BYTES(128)};
    const size_t factor = test_is_sanitized() ? 16 : 2;
    size_t number = 0;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (size_t power = 1; power <= 1024; power *= factor) {
            for (size_t count = power - 1; count <= power + 1; count++) {
                if (!test_in_sample(number++, 132, 44))
                    continue;
                store_model model;
                rng_state rng = {count};
                model_init(&model, types[i]);
                model_fill(&model, &rng, count, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
                assert_both_forms(*state, &model);
                model_free(&model);
            }
        }
    }
}

static void empty_stores(void **state)
{
    for (size_t i = 0; i < hostkey_type_count; i++) {
        store_model model;
        model_init(&model, hostkey_types[i]);
        (void)model_sort(&model, MODEL_KEEP_ALL);
        assert_both_forms(*state, &model);
        model_free(&model);
    }
}

/* Plain files with 128-bit keys can have entries of 24 bytes, as of older versions of the crate. */
static void plain_stores_with_a_stride_of_24(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U128, IKV_KEY_I128};
    for (size_t i = 0; i < 2; i++) {
        char *path = tmpdir_file(*state, "store");
        ikv_writer_options options = store_options(types[i]);
        store_model model;
        rng_state rng = {i};

        model_init(&model, types[i]);
        model_fill(&model, &rng, 1000, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
        options.flags = IKV_WRITE_PLAIN;
        options.stride = 24;
        store_write(path, &model, &options);
        assert_written(path, &model, true, 24);
        assert_store_equals(path, &model);
        model_free(&model);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_type_with_its_extremes),
        cmocka_unit_test(every_width_of_byte_strings),
        cmocka_unit_test(all_keys_of_narrow_types),
        cmocka_unit_test(every_value_size),
        cmocka_unit_test(records_at_block_boundaries),
        cmocka_unit_test(numbers_of_pairs_around_powers_of_two),
        cmocka_unit_test(empty_stores),
        cmocka_unit_test(plain_stores_with_a_stride_of_24),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
