/*
 * Options of mapped stores, and values in place; with files whose sizes are close to multiples of a
 * page or huge page, on a disk and in memory.
 */
#include "map_fixture.h"

#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HUGE ((uint64_t)2 << 20)

static const open_mode mapped_modes[] = {
    {"auto", IKV_BACKEND_AUTO, 0},
    {"auto, primed", IKV_BACKEND_AUTO, IKV_OPEN_PRIME},
    {"auto, loaded", IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD},
    {"mmap", IKV_BACKEND_MMAP, 0},
    {"mmap, loaded", IKV_BACKEND_MMAP, IKV_OPEN_PRELOAD_INDEX},
    {"auto, copied", IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD | IKV_OPEN_COPY},
    {"auto, index copied", IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD_INDEX | IKV_OPEN_COPY},
    {"mmap, copied", IKV_BACKEND_MMAP, IKV_OPEN_PRELOAD | IKV_OPEN_COPY}};
#define MODES (sizeof(mapped_modes) / sizeof(mapped_modes[0]))

/* ---------------------------------------------------------------- sizes of files */

/* Look up present and absent keys in all match modes, twice. */
static void check_file(const char *path, const store_model *model)
{
    rng_state rng = {31};
    ikv_result *result = NULL;
    size_t count;
    unsigned char *keys = batch_keys(model, &rng, BATCH_MIXED, 500, &count);

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t m = 0; m < MODES; m++) {
        ikv_store *store = engine_open(path, model->type, &mapped_modes[m], NULL);
        ikv_info info;

        ikv_store_info(store, &info);
        assert_int_equal(info.mapped, file_size(path));
        assert_true(info.resident <= info.mapped);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            for (int round = 0; round < 2; round++)
                assert_batch(store, model, keys, count, (ikv_match)match, result);
        assert_get(store, model, keys, IKV_EXACT, result);
        ikv_close(store);
    }
    ikv_result_free(result);
    free(keys);
}

/* Write a store whose file has exactly this size, by adjusting the size of the last value. Returns
 * 0 if that is impossible because a part of the file is aligned. */
static int make_of_size(const char *path, uint64_t size, uint32_t flags, store_model *ret_model)
{
    enum { COUNT = 20 };
    ikv_writer_options options = store_options(IKV_KEY_U64);
    unsigned char *value = must_malloc((size_t)size);
    const size_t value_size = (size_t)size / COUNT / 2;
    size_t last = 0;

    memset(value, 'v', (size_t)size);
    options.flags = flags;
    for (int tries = 0; tries < 4; tries++) {
        model_init(ret_model, IKV_KEY_U64);
        for (uint64_t key = 1; key <= COUNT; key++)
            model_add(ret_model, &key, value, key == COUNT ? last : value_size);
        model_sort(ret_model, MODEL_KEEP_ALL);
        store_write(path, ret_model, &options);
        const uint64_t now = file_size(path);
        if (now == size)
            break;
        if (tries == 3 || now + value_size > size + last + value_size)
            break;
        last += (size_t)(size - now);
        model_free(ret_model);
    }
    free(value);
    return file_size(path) == size;
}

static void check_sizes(const tmpdir *dir)
{
    static const uint64_t sizes[] = {4096,         4097,     8191,           8192,
                                     HUGE - 4096,  HUGE - 1, HUGE,           HUGE + 1,
                                     2 * HUGE - 1, 2 * HUGE, 2 * HUGE + 4096};
    char *path = tmpdir_file(dir, "sized");
    size_t made = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        store_model model;

        made += (size_t)make_of_size(path, sizes[i], IKV_WRITE_PLAIN, &model);
        check_file(path, &model);
        model_free(&model);
    }
    assert_int_equal(made, sizeof(sizes) / sizeof(sizes[0]));
    /* No pair, one, and one full index page. */
    static const uint64_t counts[] = {0, 1, 256};
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
            store_model model;

            map_make(path, counts[i], 5, flags, &model);
            check_file(path, &model);
            model_free(&model);
        }
    }
    free(path);
}

static void files_of_all_sizes_in_memory(void **state)
{
    check_sizes(*state);
}

static void files_of_all_sizes_on_a_disk(void **state)
{
    tmpdir dir;

    (void)state;
    tmpdir_make(&dir);
    check_sizes(&dir);
    tmpdir_remove(&dir);
}

/* ---------------------------------------------------------------- values in place */

static bool is_inside(const ikv_store *store, const void *value)
{
    const unsigned char *at = value;

    return at >= store->map->bytes && at < store->map->bytes + store->map->size;
}

static void values_in_place(void **state)
{
    enum { COUNT = 400, LARGE = 100000 };
    char *path = tmpdir_file(*state, "in_place");
    unsigned char *large = must_malloc(LARGE);
    ikv_writer_options writing = store_options(IKV_KEY_U64);
    uint64_t keys[COUNT + 1];
    const void *values[COUNT];
    ikv_result *result = NULL;
    store_model model;

    memset(large, 'l', LARGE);
    model_init(&model, IKV_KEY_U64);
    for (uint64_t key = 0; key < COUNT; key++) {
        keys[key] = key;
        model_add(&model, &key, large, key % 100 == 99 ? LARGE : key);
    }
    model_sort(&model, MODEL_KEEP_ALL);
    store_write(path, &model, &writing);
    keys[COUNT] = COUNT + 7;
    assert_ok(ikv_result_new(&result), NULL);
    for (size_t m = 2; m < MODES; m++) {
        ikv_get_options options = IKV_GET_OPTIONS_INIT;
        ikv_store *store = engine_open(path, 0, &mapped_modes[m], NULL);

        options.flags = IKV_GET_IN_PLACE;
        for (int round = 0; round < 2; round++) {
            assert_ok(ikv_get_many(store, keys, COUNT + 1, &options, result, NULL), NULL);
            for (size_t i = 0; i < COUNT; i++) {
                const ikv_item *item = &ikv_result_items(result)[i];

                assert_int_equal(item->status, IKV_FOUND);
                assert_int_equal(item->size, model.pairs[i].size);
                assert_memory_equal(item->value, model.pairs[i].value, item->size);
                /* Long values may be copies. */
                if (item->size < 1000)
                    assert_true(is_inside(store, item->value));
                values[i] = item->value;
            }
            assert_int_equal(ikv_result_items(result)[COUNT].status, IKV_MISSING);
        }
        /* Values in place stay valid when the result is reused or cleared. */
        assert_ok(ikv_get_many(store, keys, 3, NULL, result, NULL), NULL);
        assert_false(is_inside(store, ikv_result_items(result)[2].value));
        ikv_result_clear(result);
        for (size_t i = 0; i < COUNT; i++)
            if (model.pairs[i].size < 1000)
                assert_memory_equal(values[i], model.pairs[i].value, model.pairs[i].size);
        ikv_close(store);
    }
    /* Without a mapping values are copied into the result. */
    const open_mode pread_mode = {"pread", IKV_BACKEND_PREAD, 0};
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_store *store = engine_open(path, 0, &pread_mode, NULL);
    options.flags = IKV_GET_IN_PLACE;
    assert_ok(ikv_get_many(store, keys, COUNT, &options, result, NULL), NULL);
    for (size_t i = 0; i < COUNT; i++)
        assert_item(&model, &keys[i], IKV_EXACT, &ikv_result_items(result)[i]);
    ikv_close(store);
    ikv_result_free(result);
    model_free(&model);
    free(large);
    free(path);
}

static int ignore_value(void *user, size_t index, const ikv_item *item)
{
    (void)user;
    (void)index;
    (void)item;
    return 0;
}

/* ikv_get has its own code path for a single key. Answers and statistics must be the same as those
 * of a batch of one. */
static void single_get_equals_batch_of_one(void **state)
{
    const open_mode mode = {"mmap", IKV_BACKEND_MMAP, 0};
    char *path = tmpdir_file(*state, "single");
    unsigned char values[2][16] = {{0}};
    ikv_get_options options[2] = {IKV_GET_OPTIONS_INIT, IKV_GET_OPTIONS_INIT};
    ikv_result *results[2] = {NULL, NULL};
    store_model model;

    map_make(path, 1000, 16, 0, &model);
    ikv_store *store = engine_open(path, 0, &mode, NULL);
    for (int r = 0; r < 2; r++)
        assert_ok(ikv_result_new(&results[r]), NULL);
    for (uint64_t key = 990; key < 1010; key++)
        for (uint32_t size = 0; size <= 16; size += 8) { /* 0: into the result; 8: wrong size */
            for (int r = 0; r < 2; r++) {
                options[r].values = size ? values[r] : NULL;
                options[r].value_size = size;
            }
            const int code = ikv_get(store, &key, &options[0], results[0], NULL);
            assert_ok(ikv_get_many(store, &key, 1, &options[1], results[1], NULL), NULL);
            const ikv_item *one = ikv_result_items(results[0]);
            const ikv_item *many = ikv_result_items(results[1]);
            assert_int_equal(code, key >= 1000 ? IKV_E_NOT_FOUND
                                   : size == 8 ? IKV_E_VALUE_SIZE
                                               : 0);
            assert_int_equal(ikv_result_count(results[0]), 1);
            assert_int_equal(one->status, many->status);
            assert_int_equal(one->size, many->size);
            assert_true(one->key == many->key);
            assert_memory_equal(ikv_result_stats(results[0]), ikv_result_stats(results[1]),
                                sizeof(ikv_stats));
            if (code == 0)
                assert_memory_equal(one->value, many->value, 16);
        }
    assert_memory_equal(values[0], values[1], 16);
    /* Invalid options fail and leave the result empty. */
    const uint64_t key = 1;
    options[0].flags = UINT32_MAX;
    assert_int_equal(ikv_get(store, &key, &options[0], results[0], NULL), IKV_E_INVALID);
    assert_int_equal(ikv_result_count(results[0]), 0);
    for (int r = 0; r < 2; r++)
        ikv_result_free(results[r]);
    ikv_close(store);
    model_free(&model);
    free(path);
}

static void incompatible_options(void **state)
{
    static const struct {
        ikv_backend backend;
        uint32_t flags;
    } bad[] = {{IKV_BACKEND_MMAP, IKV_OPEN_DIRECT},
               {IKV_BACKEND_MMAP, IKV_OPEN_NO_MAP},
               {IKV_BACKEND_PREAD, IKV_OPEN_PRIME},
               {IKV_BACKEND_URING, IKV_OPEN_PRELOAD},
               {IKV_BACKEND_AUTO, IKV_OPEN_COPY},
               {IKV_BACKEND_AUTO, IKV_OPEN_PRIME | IKV_OPEN_COPY},
               {IKV_BACKEND_PREAD, IKV_OPEN_PRELOAD | IKV_OPEN_COPY},
               {IKV_BACKEND_AUTO, IKV_OPEN_LOCK},
               {IKV_BACKEND_AUTO, 64},
               {IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP | IKV_OPEN_PRELOAD},
               {IKV_BACKEND_AUTO, IKV_OPEN_DIRECT | IKV_OPEN_PRIME}};
    char *path = tmpdir_file(*state, "excluded");
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    ikv_result *result = NULL;
    ikv_store *store = NULL;
    uint64_t room[1];
    const uint64_t key = 0;
    store_model model;
    ikv_error err;

    map_make(path, 10, 8, 0, &model);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ikv_open_options options = IKV_OPEN_OPTIONS_INIT;

        options.backend = bad[i].backend;
        options.flags = bad[i].flags;
        assert_failed(ikv_open(path, &options, &store, &err), IKV_E_INVALID, &err, NULL);
    }
    store = engine_open(path, 0, &mapped_modes[0], NULL);
    assert_ok(ikv_result_new(&result), NULL);
    get.flags = IKV_GET_IN_PLACE;
    get.on_value = ignore_value;
    assert_failed(ikv_get_many(store, &key, 1, &get, result, &err), IKV_E_INVALID, &err, NULL);
    get.on_value = NULL;
    get.values = room;
    get.value_size = 8;
    assert_failed(ikv_get_many(store, &key, 1, &get, result, &err), IKV_E_INVALID, &err, NULL);
    ikv_result_free(result);
    ikv_close(store);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_all_sizes_in_memory),
        cmocka_unit_test(files_of_all_sizes_on_a_disk),
        cmocka_unit_test(values_in_place),
        cmocka_unit_test(single_get_equals_batch_of_one),
        cmocka_unit_test(incompatible_options),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
