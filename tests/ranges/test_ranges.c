/* Stores of ranges: every way to look keys up, on every backend, compared with a naive model;
 * scans; the bytes of the file, read by the independent decoder. */
#include "hostkey.h"
#include "range_model.h"
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

#define RANGE_WIDTH_MAX 64

static void write_ranges(const char *path, const range_model *model, rng_state *rng,
                         ikv_overlap on_overlap)
{
    ikv_writer_options options = store_options_with(model->type, IKV_WRITE_RANGES);
    size_t *order = must_malloc((model->range_count + 1) * sizeof(*order));
    ikv_writer *writer = NULL;
    ikv_build_stats stats;
    ikv_error err;

    options.on_overlap = on_overlap;
    for (size_t i = 0; i < model->range_count; i++)
        order[i] = i;
    rng_shuffle(rng, order, model->range_count, sizeof(*order));
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    for (size_t i = 0; i < model->range_count; i++) {
        const model_range *range = &model->ranges[order[i]];
        assert_ok(ikv_writer_add_range(writer, range_model_key(model, range->first),
                                       range_model_key(model, range->last), range->value,
                                       range->size, &err),
                  &err);
    }
    assert_ok(ikv_writer_finish(writer, &stats, &err), &err);
    assert_int_equal(stats.pairs, model->piece_count);
    assert_int_equal(stats.dropped, 0);
    free(order);
}

/* ---------------------------------------------------------------- lookups */

static ikv_store *open_with(const char *path, ikv_backend backend)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;

    options.backend = backend;
    options.engine = store_engine();
    return ikv_open(path, &options, &store, NULL) == 0 ? store : NULL;
}

/* `value`: where the value is; NULL: it is not checked. */
static void assert_answer(const ikv_store *store, const range_model *model, size_t key,
                          const ikv_item *item, const void *value, bool has_last)
{
    const range_piece *piece = range_model_find(model, key);
    unsigned char last[IKV_KEY_WIDTH_MAX];

    if (piece == NULL) {
        assert_int_equal(item->status, IKV_MISSING);
        assert_null(item->key);
        assert_null(item->value);
        assert_int_equal(ikv_range_last(store, item, last), IKV_E_INVALID);
        return;
    }
    assert_int_equal(item->status, IKV_FOUND);
    assert_memory_equal(item->key, range_model_key(model, piece->first), model->width);
    assert_int_equal(item->size, piece->range->size);
    if (value != NULL)
        assert_memory_equal(value, piece->range->value, item->size);
    if (has_last) {
        assert_int_equal(ikv_range_last(store, item, last), 0);
        assert_memory_equal(last, range_model_key(model, piece->last), model->width);
    }
}

typedef struct receiver {
    const ikv_store *store;
    const range_model *model;
    size_t calls;
} receiver;

static int receive(void *user, size_t index, const ikv_item *item)
{
    receiver *to = user;
    assert_answer(to->store, to->model, index, item, item->value, true);
    to->calls++;
    return 0;
}

static size_t count_found(const range_model *model)
{
    size_t found = 0;
    for (size_t i = 0; i < model->keys; i++)
        found += model->owner[i] != RANGE_NONE;
    return found;
}

static void look_up_all(ikv_store *store, const range_model *model, ikv_result *result)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    receiver to = {store, model, 0};
    ikv_error err;

    options.match = IKV_RANGE;
    for (uint32_t flags = 0; flags <= IKV_GET_IN_PLACE; flags += IKV_GET_IN_PLACE) {
        options.flags = flags;
        assert_ok(ikv_get_many(store, model->key, model->keys, &options, result, &err), &err);
        for (size_t i = 0; i < model->keys; i++) {
            const ikv_item *item = &ikv_result_items(result)[i];
            assert_answer(store, model, i, item, item->value, true);
        }
        const ikv_stats *stats = ikv_result_stats(result);
        assert_int_equal(stats->found, count_found(model));
        assert_int_equal(stats->found + stats->missing, model->keys);
    }
    options.flags = 0;
    options.on_value = receive;
    options.user = &to;
    assert_ok(ikv_get_many(store, model->key, model->keys, &options, result, &err), &err);
    assert_int_equal(to.calls, count_found(model));
    options.on_value = NULL;
    assert_ok(ikv_submit(store, model->key, model->keys, &options, NULL, result, &err), &err);
    assert_ok(ikv_wait(result, &err), &err);
    for (size_t i = 0; i < model->keys; i++)
        assert_answer(store, model, i, &ikv_result_items(result)[i],
                      ikv_result_items(result)[i].value, true);
}

/* Values of one size go to the caller's array; others are not copied. */
static void look_up_into_array(ikv_store *store, const range_model *model, ikv_result *result)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const uint32_t size = 3;
    unsigned char *values = must_malloc(model->keys * size);
    ikv_error err;

    options.match = IKV_RANGE;
    options.values = values;
    options.value_size = size;
    assert_ok(ikv_get_many(store, model->key, model->keys, &options, result, &err), &err);
    for (size_t i = 0; i < model->keys; i++) {
        const ikv_item *item = &ikv_result_items(result)[i];
        const range_piece *piece = range_model_find(model, i);
        if (piece == NULL || piece->range->size == size)
            assert_answer(store, model, i, item, values + i * size, false);
        else
            assert_int_equal(item->status, IKV_OTHER_SIZE);
    }
    free(values);
}

/* Exact lookups of all first keys, in reverse. */
static void look_up_first_keys(ikv_store *store, const range_model *model, ikv_result *result)
{
    unsigned char *keys = must_malloc(model->keys * model->width);
    const size_t count = model->piece_count;
    ikv_error err;

    for (size_t i = 0; i < count; i++)
        memcpy(keys + i * model->width, range_model_key(model, model->pieces[count - 1 - i].first),
               model->width);
    assert_ok(ikv_get_many(store, keys, count, NULL, result, &err), &err);
    for (size_t i = 0; i < count; i++) {
        const ikv_item *item = &ikv_result_items(result)[i];
        assert_answer(store, model, model->pieces[count - 1 - i].first, item, item->value, true);
    }
    free(keys);
}

/* Single keys; and exact and floor lookups, which know nothing of ends. */
static void look_up_one(ikv_store *store, const range_model *model, size_t key, ikv_result *result)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const range_piece *piece = range_model_find(model, key);
    const void *wanted = range_model_key(model, key);
    const model_pair *floor = model_find(&model->pairs, wanted, IKV_FLOOR);
    const bool is_first = piece != NULL && piece->first == key;

    options.match = IKV_RANGE;
    const int code = ikv_get(store, wanted, &options, result, NULL);
    assert_int_equal(code, piece ? 0 : IKV_E_NOT_FOUND);
    assert_answer(store, model, key, ikv_result_items(result), ikv_result_items(result)->value,
                  true);
    assert_int_equal(ikv_get(store, wanted, NULL, result, NULL), is_first ? 0 : IKV_E_NOT_FOUND);
    if (is_first) {
        const ikv_item *item = ikv_result_items(result);
        assert_int_equal(item->size, piece->range->size);
        assert_answer(store, model, key, item, item->value, true);
    }
    options.match = IKV_FLOOR;
    assert_int_equal(ikv_get(store, wanted, &options, result, NULL), floor ? 0 : IKV_E_NOT_FOUND);
    if (floor)
        assert_int_equal(ikv_result_items(result)->size, floor->size - model->width);
}

/* ---------------------------------------------------------------- scans, facts */

static void scan_all(ikv_store *store, const range_model *model)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;

    for (int order = IKV_ORDER_KEY; order <= IKV_ORDER_STORAGE; order++) {
        ikv_scan *scan = NULL;
        ikv_item item;
        ikv_error err;
        options.order = (ikv_order)order;
        assert_ok(ikv_scan_open(store, &options, &scan, &err), &err);
        for (size_t i = 0; i < model->piece_count; i++) {
            const range_piece *piece = &model->pieces[i];
            unsigned char last[IKV_KEY_WIDTH_MAX];
            assert_ok(ikv_scan_next(scan, &item, &err), &err);
            if (order == IKV_ORDER_KEY)
                assert_memory_equal(item.key, range_model_key(model, piece->first), model->width);
            assert_int_equal(item.size, piece->range->size);
            assert_memory_equal(item.value, piece->range->value, item.size);
            assert_int_equal(ikv_range_last(store, &item, last), 0);
            assert_memory_equal(last, range_model_key(model, piece->last), model->width);
        }
        assert_int_equal(ikv_scan_next(scan, &item, &err), IKV_E_END);
        ikv_scan_close(scan);
    }
}

static void assert_facts(ikv_store *store, const range_model *model)
{
    uint64_t bytes = 0;
    size_t max = 0;
    ikv_info info;

    for (size_t i = 0; i < model->piece_count; i++) {
        bytes += model->pieces[i].range->size;
        max = model->pieces[i].range->size > max ? model->pieces[i].range->size : max;
    }
    ikv_store_info(store, &info);
    assert_int_equal(info.has_ranges, 1);
    assert_int_equal(info.in_key_order, 1);
    assert_int_equal(info.pair_count, model->piece_count);
    assert_int_equal(info.value_bytes, bytes);
    assert_int_equal(info.value_size_max, max);
}

static void check_store(const char *path, const range_model *model)
{
    static const ikv_backend backends[] = {IKV_BACKEND_AUTO, IKV_BACKEND_PREAD, IKV_BACKEND_URING,
                                           IKV_BACKEND_MMAP};
    ikv_result *result = NULL;
    ikv_error err;

    assert_written(path, &model->pairs, false, 0);
    assert_ok(ikv_verify(path, NULL, NULL, NULL, &err), &err);
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t b = 0; b < sizeof(backends) / sizeof(backends[0]); b++) {
        ikv_store *store = open_with(path, backends[b]);
        if (store == NULL) /* no io_uring here */
            continue;
        look_up_all(store, model, result);
        look_up_into_array(store, model, result);
        look_up_first_keys(store, model, result);
        for (size_t i = b; i < model->keys; i += 7)
            look_up_one(store, model, i, result);
        if (b == 0) {
            scan_all(store, model);
            assert_facts(store, model);
        }
        ikv_close(store);
    }
    ikv_result_free(result);
}

/* ---------------------------------------------------------------- the tests */

static void all_types(void **state)
{
    const size_t rounds = test_scaled_min(8, 1);
    char *path = tmpdir_file(*state, "store");
    rng_state rng = {1410};

    for (size_t t = 0; t < hostkey_type_count; t++) {
        for (size_t round = 0; round < 2 * rounds; round++) {
            const bool nested = round % 2 == 0;
            range_model model;
            if (hostkey_width(hostkey_types[t]) > RANGE_WIDTH_MAX)
                continue;
            range_model_make(&model, hostkey_types[t], &rng, 300, nested, 6);
            write_ranges(path, &model, &rng, nested ? IKV_OVERLAP_INNERMOST : IKV_OVERLAP_ERROR);
            check_store(path, &model);
            range_model_free(&model);
        }
    }
    free(path);
}

/* Values above those that are sorted in memory, and longer than leaves. */
static void long_values(void **state)
{
    char *path = tmpdir_file(*state, "store");
    rng_state rng = {1411};
    range_model model;

    range_model_make(&model, IKV_KEY_U32, &rng, 60, true, 200000);
    write_ranges(path, &model, &rng, IKV_OVERLAP_INNERMOST);
    check_store(path, &model);
    range_model_free(&model);
    free(path);
}

static void no_ranges(void **state)
{
    ikv_writer_options options = store_options_with(IKV_KEY_I32, IKV_WRITE_RANGES);
    char *path = tmpdir_file(*state, "store");
    ikv_writer *writer = NULL;
    ikv_result *result = NULL;
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    const int32_t key = 5;
    ikv_info info;
    ikv_error err;

    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_ok(ikv_verify(path, NULL, NULL, NULL, &err), &err);
    ikv_store *store = store_open(path, IKV_KEY_I32, 0, 0);
    ikv_store_info(store, &info);
    assert_int_equal(info.value_size_max, 0);
    assert_int_equal(info.value_bytes, 0);
    assert_int_equal(ikv_result_new(&result), 0);
    get.match = IKV_RANGE;
    assert_int_equal(ikv_get(store, &key, &get, result, &err), IKV_E_NOT_FOUND);
    ikv_result_free(result);
    ikv_close(store);
    free(path);
}

/* Every other range in one of two stores. */
static void merged(void **state)
{
    char *path[] = {tmpdir_file(*state, "a"), tmpdir_file(*state, "b"),
                    tmpdir_file(*state, "merged")};
    ikv_writer_options options = store_options(IKV_KEY_U16);
    ikv_merge_options merge = IKV_MERGE_OPTIONS_INIT;
    ikv_store *stores[2];
    rng_state rng = {1412};
    range_model model;
    ikv_error err;

    range_model_make(&model, IKV_KEY_U16, &rng, 400, false, 6);
    for (size_t s = 0; s < 2; s++) {
        ikv_writer *writer = NULL;
        options.flags |= IKV_WRITE_RANGES;
        assert_ok(ikv_writer_new(path[s], &options, &writer, &err), &err);
        for (size_t i = s; i < model.range_count; i += 2)
            assert_ok(ikv_writer_add_range(writer, range_model_key(&model, model.ranges[i].first),
                                           range_model_key(&model, model.ranges[i].last),
                                           model.ranges[i].value, model.ranges[i].size, &err),
                      &err);
        assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
        stores[s] = store_open(path[s], IKV_KEY_U16, 0, 0);
    }
    options.flags &= ~(uint32_t)IKV_WRITE_RANGES;
    merge.writer = &options;
    assert_ok(ikv_merge(path[2], stores, 2, &merge, NULL, &err), &err);
    check_store(path[2], &model);
    for (size_t i = 0; i < 3; i++)
        free(path[i]);
    ikv_close(stores[0]);
    ikv_close(stores[1]);
    range_model_free(&model);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_types),
        TEST(long_values),
        TEST(no_ranges),
        TEST(merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
