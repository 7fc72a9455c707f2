/* Scans in key order with all kinds of bounds, and in storage order, against the model. */
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Memory for reading ahead: 1 byte, less than a record, a few records, the default. */
static const uint64_t MEMORIES[] = {1, 100, 5000, 0};

static ikv_store *make_store(void **state, store_model *model, size_t count, model_keys keys,
                             model_sizes sizes, uint32_t flags)
{
    char *path = tmpdir_file(*state, "scanned");
    ikv_writer_options options = store_options(model->type);
    rng_state random = {count + model->type};
    ikv_store *store;

    options.flags = flags;
    model_fill(model, &random, count, keys, sizes);
    store_write(path, model, &options);
    store = store_open(path, model->type, 0, count % 2 == 0 ? 0 : 1);
    free(path);
    return store;
}

/* Scan the whole store in both orders with each memory size. */
static void assert_full_scans(ikv_store *store, const store_model *model)
{
    const model_pair **order = model_by_arrival(model);

    for (size_t m = 0; m < COUNT_OF(MEMORIES); m++) {
        assert_key_scan(store, model, NULL, NULL, 0, MEMORIES[m]);
        assert_storage_scan(store, order, model->sorted_count, 0, MEMORIES[m]);
    }
    free(order);
}

static void every_type_in_both_orders(void **state)
{
    static const size_t counts[] = {0, 1, 2, 100, 3001};

    for (size_t t = 0; t < hostkey_type_count; t++)
        for (size_t c = 0; c < COUNT_OF(counts); c++) {
            uint32_t flags = (t + c) % 2 == 0 ? 0 : IKV_WRITE_PLAIN;
            ikv_store *store;
            store_model model;

            model_init(&model, hostkey_types[t]);
            store = make_store(state, &model, test_scaled(counts[c]) * (counts[c] > 0),
                               (model_keys)(t % 4), MODEL_SIZES_MIXED, flags);
            assert_full_scans(store, &model);
            ikv_close(store);
            model_free(&model);
        }
}

/* ---------------------------------------------------------------- bounds */

static void bounds_and_limits(void **state)
{
    static const uint64_t limits[] = {0, 1, 2, 17, 100000, UINT64_MAX};
    rng_state random = {77};

    for (size_t t = 0; t < hostkey_type_count; t++) {
        ikv_store *store;
        store_model model;

        model_init(&model, hostkey_types[t]);
        store =
            make_store(state, &model, test_scaled(700), (model_keys)(t % 4), MODEL_SIZES_SMALL, 0);
        for (size_t i = 0; i < test_scaled(150); i++) {
            unsigned char from[IKV_KEY_WIDTH_MAX];
            unsigned char to[IKV_KEY_WIDTH_MAX];

            /* Present keys, their neighbors, the smallest and greatest, and random ones; from > to
             * in some of the rounds. */
            model_probe_key(&random, &model, from);
            model_probe_key(&random, &model, to);
            assert_key_scan(store, &model, i % 5 == 0 ? NULL : from, i % 7 == 0 ? NULL : to,
                            limits[i % COUNT_OF(limits)], MEMORIES[i % COUNT_OF(MEMORIES)]);
        }
        ikv_close(store);
        model_free(&model);
    }
}

/* `from` and `to` are every key and every number between keys. */
static void every_pair_of_bounds(void **state)
{
    ikv_store *store;
    store_model model;

    model_init(&model, IKV_KEY_I16);
    for (int16_t key = -20; key <= 20; key = (int16_t)(key + 4))
        model_add(&model, &key, "value", 5);
    store = make_store(state, &model, 0, MODEL_KEYS_DENSE, MODEL_SIZES_SMALL, 0);
    assert_int_equal(model.sorted_count, 11);
    for (int16_t from = -23; from <= 23; from++)
        for (int16_t to = -23; to <= 23; to++)
            for (uint64_t limit = 0; limit < 3; limit++)
                assert_key_scan(store, &model, &from, &to, limit, 0);
    ikv_close(store);
    model_free(&model);
}

static void bounds_are_copied(void **state)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    uint32_t from;
    uint32_t to;
    ikv_scan *scan = NULL;
    ikv_store *store;
    store_model model;
    ikv_item item;
    ikv_error err;

    model_init(&model, IKV_KEY_U32);
    store = make_store(state, &model, 1000, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL, 0);
    memcpy(&from, model.sorted[10]->key, sizeof(from));
    memcpy(&to, model.sorted[900]->key, sizeof(to));
    options.from = &from;
    options.to = &to;
    assert_ok(ikv_scan_open(store, &options, &scan, &err), &err);
    from = UINT32_MAX;
    to = 0;
    for (size_t i = 10; i <= 900; i++) {
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_memory_equal(item.key, model.sorted[i]->key, 4);
    }
    assert_int_equal(ikv_scan_next(scan, &item, &err), IKV_E_END);
    ikv_scan_close(scan);
    ikv_scan_close(NULL);
    ikv_close(store);
    model_free(&model);
}

/* ---------------------------------------------------------------- storage order */

static void storage_order_has_limits(void **state)
{
    static const uint64_t limits[] = {1, 2, 99, 100, 101, UINT64_MAX};
    const model_pair **order;
    ikv_store *store;
    store_model model;

    model_init(&model, IKV_KEY_U64);
    store = make_store(state, &model, 100, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL, 0);
    order = model_by_arrival(&model);
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        assert_storage_scan(store, order, model.sorted_count, limits[i], MEMORIES[i % 4]);
    free(order);
    ikv_close(store);
    model_free(&model);
}

static void storage_order_has_no_bounds(void **state)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    const uint64_t bound = 1;
    ikv_scan *scan = NULL;
    ikv_store *store;
    store_model model;
    ikv_error err;

    model_init(&model, IKV_KEY_U64);
    store = make_store(state, &model, 10, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL, 0);
    options.order = IKV_ORDER_STORAGE;
    options.from = &bound;
    assert_failed(ikv_scan_open(store, &options, &scan, &err), IKV_E_INVALID, &err, NULL);
    options.from = NULL;
    options.to = &bound;
    assert_failed(ikv_scan_open(store, &options, &scan, &err), IKV_E_INVALID, &err, NULL);
    options.to = NULL;
    options.order = (ikv_order)2;
    assert_failed(ikv_scan_open(store, &options, &scan, &err), IKV_E_INVALID, &err, NULL);
    assert_null(scan);
    ikv_close(store);
    model_free(&model);
}

/* Values larger than the read-ahead, next to small ones. */
static void huge_values(void **state)
{
    static const size_t sizes[] = {3, 40000000, 0, 1048576, 5, 17000000, 1};
    rng_state random = {8};

    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        ikv_store *store;
        store_model model;

        model_init(&model, IKV_KEY_U8);
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            uint8_t key = (uint8_t)(97 * (i + 1));
            unsigned char *value = must_malloc(sizes[i]);

            rng_fill(&random, value, sizes[i]);
            model_add(&model, &key, value, sizes[i]);
            free(value);
        }
        store = make_store(state, &model, 0, MODEL_KEYS_DENSE, MODEL_SIZES_SMALL, flags);
        assert_full_scans(store, &model);
        ikv_close(store);
        model_free(&model);
    }
}

/* Reads of records. Those in leaves are read with their index, and counted as such. */
static uint64_t record_reads(const ikv_stats *stats)
{
    return stats->record_reads + (store_layout() == IKV_LAYOUT_CLUSTERED ? stats->index_reads : 0);
}

static uint64_t record_bytes(const ikv_stats *stats)
{
    return stats->record_bytes + (store_layout() == IKV_LAYOUT_CLUSTERED ? stats->index_bytes : 0);
}

/* Interleaved scans of one store do not affect each other, and can be closed before their end. */
static void scans_are_independent(void **state)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scans[8] = {NULL};
    size_t at[8] = {0};
    ikv_store *store;
    store_model model;
    rng_state random = {9};
    ikv_error err;

    model_init(&model, IKV_KEY_I64);
    store = make_store(state, &model, 2000, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL, 0);
    for (size_t i = 0; i < 8; i++) {
        options.order = i % 2 == 0 ? IKV_ORDER_KEY : IKV_ORDER_STORAGE;
        options.memory = 1 + i * 100;
        assert_ok(ikv_scan_open(store, &options, &scans[i], &err), &err);
    }
    for (size_t step = 0; step < 6000; step++) {
        size_t i = (size_t)rng_below(&random, 8);
        const model_pair *expected;
        ikv_item item;

        if (at[i] == model.count)
            continue;
        expected = store_scanned_pair(store, &model, i % 2 == 0 ? IKV_ORDER_KEY : IKV_ORDER_STORAGE,
                                      at[i]);
        at[i]++;
        assert_ok(ikv_scan_next(scans[i], &item, &err), &err);
        assert_int_equal(item.size, expected->size);
        assert_memory_equal(item.value, expected->value, item.size);
    }
    for (size_t i = 0; i < 8; i++) {
        const ikv_stats *stats = ikv_scan_stats(scans[i]);

        assert_true(record_reads(stats) > 0 || stats->mapped > 0);
        if (store_is_remote())
            assert_string_equal(stats->backend, "http");
        else if (store_backend() == IKV_BACKEND_PREAD || i % 2 != 0)
            assert_string_equal(stats->backend, "pread");
        ikv_scan_close(scans[i]);
    }
    ikv_close(store);
    model_free(&model);
}

/* A scan of a whole store reads it about once, in few large reads. */
static void scan_reads_store_once(void **state)
{
    for (int order = IKV_ORDER_KEY; order <= IKV_ORDER_STORAGE; order++) {
        ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
        ikv_writer_options writer = store_options(IKV_KEY_U64);
        char *path = tmpdir_file(*state, "sequential");
        unsigned char value[1000];
        ikv_scan *scan = NULL;
        const ikv_stats *stats;
        ikv_store *store;
        store_model model;
        ikv_item item;
        int code;

        memset(value, 'v', sizeof(value));
        model_init(&model, IKV_KEY_U64);
        for (uint64_t key = 0; key < 20000; key++)
            model_add(&model, &key, value, sizeof(value));
        store_write(path, &model, &writer);
        store = store_open(path, 0, 0, 0);
        options.order = (ikv_order)order;
        assert_ok(ikv_scan_open(store, &options, &scan, NULL), NULL);
        while ((code = ikv_scan_next(scan, &item, NULL)) == 0)
            ;
        assert_int_equal(code, IKV_E_END);
        stats = ikv_scan_stats(scan);
        assert_true(record_bytes(stats) >= 20000 * 1004 || stats->mapped >= 20000);
        assert_true(record_bytes(stats) <= 2 * file_size(path));
        /* With a ring, scans use many small reads in flight instead of few large ones. */
        assert_true(record_reads(stats) <=
                    (store_backend() == IKV_BACKEND_PREAD && !store_is_remote()
                         ? 400
                         : 20000 * 1004 / 16384 + 400));
        assert_true(stats->index_reads <= 200);
        ikv_scan_close(scan);
        ikv_close(store);
        model_free(&model);
        free(path);
    }
}

/* More 1 MiB blocks than a scan reads checksums for at once. The store takes half a GiB, so the
 * test runs in memory only. */
static void scan_of_many_blocks(void **state)
{
    enum { COUNT = 70, SIZE = 8 << 20 };
    const tmpdir *dir = *state;
    char *path = tmpdir_file(dir, "large");
    ikv_writer_options options = store_options(IKV_KEY_U32);
    ikv_scan_options scan_options = IKV_SCAN_OPTIONS_INIT;
    unsigned char *value = must_malloc(SIZE);
    ikv_writer *writer = NULL;
    ikv_scan *scan = NULL;
    struct statvfs room;
    ikv_store *store;
    ikv_item item;
    ikv_error err;

    assert_int_equal(statvfs(dir->path, &room), 0);
    if (test_is_sanitized() || strncmp(dir->path, "/dev/shm/", 9) != 0 ||
        (uint64_t)room.f_bavail * room.f_frsize < UINT64_C(4) << 30) {
        free(value);
        free(path);
        skip();
    }
    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    for (uint32_t key = 0; key < COUNT; key++) {
        memset(value, (int)key, SIZE);
        assert_ok(ikv_writer_add(writer, &key, value, SIZE, &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    assert_ok(ikv_verify(path, NULL, NULL, NULL, &err), &err);
    store = store_open(path, 0, 0, 0);
    scan_options.order = IKV_ORDER_STORAGE;
    assert_ok(ikv_scan_open(store, &scan_options, &scan, &err), &err);
    for (uint32_t key = 0; key < COUNT; key++) {
        memset(value, (int)key, SIZE);
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_int_equal(item.size, SIZE);
        assert_memory_equal(item.value, value, SIZE);
    }
    assert_int_equal(ikv_scan_next(scan, &item, &err), IKV_E_END);
    ikv_scan_close(scan);
    ikv_close(store);
    assert_int_equal(remove(path), 0);
    free(value);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_in_both_orders),
        cmocka_unit_test(bounds_and_limits),
        cmocka_unit_test(every_pair_of_bounds),
        cmocka_unit_test(bounds_are_copied),
        cmocka_unit_test(storage_order_has_limits),
        cmocka_unit_test(storage_order_has_no_bounds),
        cmocka_unit_test(huge_values),
        cmocka_unit_test(scans_are_independent),
        cmocka_unit_test(scan_reads_store_once),
        cmocka_unit_test(scan_of_many_blocks),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
