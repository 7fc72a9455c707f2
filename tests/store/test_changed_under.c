/*
 * Files that change under an open store: truncated, damaged in place, replaced by rename. No wrong
 * values and no signals.
 */
#include "indexkv.h"

#include "model.h"
#include "places.h"
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

#define PAIRS 3000

typedef struct changed_store {
    store_model model;
    char *path;
    ikv_store *store;
    ikv_result *result;
    unsigned char *keys; /* all of them in arrival order */
    store_places places;
} changed_store;

static void set_up(void **state, uint32_t flags, uint64_t index_memory, changed_store *ret)
{
    const ikv_writer_options options = store_options_with(IKV_KEY_U64, flags);
    rng_state random = {flags + 5};

    ret->path = tmpdir_file(*state, "changed");
    model_init(&ret->model, IKV_KEY_U64);
    model_fill(&ret->model, &random, PAIRS, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    store_write(ret->path, &ret->model, &options);
    places_read(ret->path, IKV_KEY_U64, 0, &ret->places);
    ret->store = store_open(ret->path, IKV_KEY_U64, 0, index_memory);
    ret->result = NULL;
    assert_ok(ikv_result_new(&ret->result), NULL);
    ret->keys = must_malloc(PAIRS * 8);
    for (size_t i = 0; i < PAIRS; i++)
        memcpy(ret->keys + 8 * i, ret->model.pairs[i].key, 8);
}

static void tear_down(changed_store *fixture)
{
    ikv_result_free(fixture->result);
    ikv_close(fixture->store);
    model_free(&fixture->model);
    places_free(&fixture->places);
    free(fixture->keys);
    free(fixture->path);
}

/* Checks that each item is right or unreadable. Returns the number of unreadable ones. */
static size_t count_unreadable(const changed_store *fixture)
{
    const ikv_item *items = ikv_result_items(fixture->result);
    size_t unreadable = 0;

    assert_int_equal(ikv_result_count(fixture->result), PAIRS);
    for (size_t i = 0; i < PAIRS; i++) {
        if (items[i].status == IKV_UNREADABLE) {
            assert_null(items[i].value);
            unreadable++;
        } else {
            assert_item(&fixture->model, fixture->keys + 8 * i, IKV_EXACT, &items[i]);
        }
    }
    assert_int_equal(ikv_result_stats(fixture->result)->unreadable, unreadable);
    assert_int_equal(ikv_result_stats(fixture->result)->found, PAIRS - unreadable);
    return unreadable;
}

/* Truncated within page or leaf 5: the keys of pages before it are still answered. */
static void a_cut_in_the_index(void **state)
{
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        changed_store fixture;
        size_t unreadable;
        ikv_error err;

        /* A plain file has no fences: the search needs pages of the whole index. */
        set_up(state, flags, 0, &fixture);
        file_truncate(fixture.path, fixture.places.pages[5].begin + 100);
        assert_failed(ikv_get_many(fixture.store, fixture.keys, PAIRS, NULL, fixture.result, &err),
                      IKV_E_TRUNCATED, &err, fixture.path);
        unreadable = count_unreadable(&fixture);
        assert_true(unreadable >= PAIRS - fixture.places.pages[6].first);
        if (flags == 0)
            assert_true(unreadable <= PAIRS - fixture.places.pages[5].first);
        assert_non_null(ikv_result_problem(fixture.result));
        assert_int_equal(ikv_result_problem(fixture.result)->code, IKV_E_TRUNCATED);
        tear_down(&fixture);
    }
}

/* A file truncated in its records has no index: no key is readable, unless pages are in memory. */
static void a_cut_in_the_records(void **state)
{
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        changed_store fixture;
        ikv_error err;

        set_up(state, flags, 1, &fixture);
        file_truncate(fixture.path, 1000);
        assert_failed(ikv_get_many(fixture.store, fixture.keys, PAIRS, NULL, fixture.result, &err),
                      IKV_E_TRUNCATED, &err, fixture.path);
        assert_int_equal(count_unreadable(&fixture), PAIRS);
        assert_failed(ikv_get(fixture.store, fixture.keys, NULL, fixture.result, &err),
                      IKV_E_TRUNCATED, &err, fixture.path);
        assert_int_equal(ikv_result_items(fixture.result)->status, IKV_UNREADABLE);
        file_truncate(fixture.path, 0);
        assert_failed(ikv_get(fixture.store, fixture.keys, NULL, fixture.result, &err),
                      IKV_E_TRUNCATED, &err, fixture.path);
        tear_down(&fixture);
    }
}

enum { FEW = 8, FEW_CUT = 4 };

/* Checks a batch after the file was truncated. Keys in the leaf of the first one are still answered
 * if the leaf is in memory. */
static void check_cut_batch(ikv_store *store, const store_model *model, const store_places *places,
                            const uint64_t *keys, ikv_result *result)
{
    const bool is_cached =
        store_backend() == IKV_BACKEND_PREAD || store_backend() == IKV_BACKEND_URING;
    size_t unreadable = 0;
    ikv_error err;
    const int code = ikv_get_many(store, keys, FEW, NULL, result, &err);

    for (size_t i = 0; i < FEW; i++) {
        const ikv_item *item = &ikv_result_items(result)[i];
        const pair_place *place = &places->pairs[i];
        const bool in_memory =
            is_cached && places->is_clustered && !place->is_outside && place->page == 0;

        unreadable += item->status == IKV_UNREADABLE;
        if (in_memory || item->status != IKV_UNREADABLE ||
            (i + 1 < FEW_CUT && is_cached && place->page == 0))
            assert_item(model, &keys[i], IKV_EXACT, item);
        /* AUTO keeps the leaf, too, where the system does not report what is in memory. */
        const bool may_be_in_memory =
            in_memory || (store_backend() == IKV_BACKEND_AUTO && places->is_clustered &&
                          !place->is_outside && place->page == 0);
        assert_true(i < FEW_CUT || may_be_in_memory || item->status == IKV_UNREADABLE);
    }
    if (unreadable > 0)
        assert_failed(code, IKV_E_TRUNCATED, &err, NULL);
    else
        assert_ok(code, &err);
    /* A mapping has no copy of the page: it is truncated, too. */
    if (is_cached)
        assert_int_equal(ikv_result_stats(result)->cached, 1);
}

/* The index page is still in memory, so only records are unreadable: those before the cut are
 * answered, although they were read together with others. */
static void records_before_a_cut_are_answered(void **state)
{
    static const size_t sizes[] = {10, 3000, 200000};

    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        char *path = tmpdir_file(*state, "cached");
        ikv_writer_options options = store_options(IKV_KEY_U64);
        unsigned char *value = must_malloc(sizes[s]);
        ikv_result *result = NULL;
        uint64_t keys[FEW];
        store_places places;
        store_model model;
        ikv_store *store;

        memset(value, 'v', sizes[s]);
        model_init(&model, IKV_KEY_U64);
        for (uint64_t i = 0; i < FEW; i++) {
            keys[i] = i * 10;
            model_add(&model, &keys[i], value, sizes[s]);
        }
        model_sort(&model, MODEL_KEEP_ALL);
        store_write(path, &model, &options);
        places_read(path, IKV_KEY_U64, 0, &places);
        store = store_open(path, 0, 0, 0);
        assert_ok(ikv_result_new(&result), NULL);
        for (int round = 0; round < 2; round++) /* a leaf is kept from the second visit on */
            assert_batch(store, &model, keys, 1, IKV_EXACT, result);
        file_truncate(path, places.pairs[FEW_CUT].record);
        check_cut_batch(store, &model, &places, keys, result);
        ikv_result_free(result);
        ikv_close(store);
        places_free(&places);
        model_free(&model);
        free(value);
        free(path);
    }
}

static void a_scan_of_a_cut_file_ends_with_an_error(void **state)
{
    for (int order = IKV_ORDER_KEY; order <= IKV_ORDER_STORAGE; order++)
        for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
            ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
            ikv_scan *scan = NULL;
            changed_store fixture;
            size_t delivered = 0;
            ikv_item item;
            ikv_error err;
            int code;

            set_up(state, flags, 0, &fixture);
            file_truncate(fixture.path, 2000);
            options.order = (ikv_order)order;
            options.memory = 500;
            code = ikv_scan_open(fixture.store, &options, &scan, &err);
            while (code == 0) {
                code = ikv_scan_next(scan, &item, &err);
                if (code == 0 && item.status == IKV_FOUND)
                    delivered++;
            }
            assert_failed(code, IKV_E_TRUNCATED, &err, fixture.path);
            assert_true(delivered < PAIRS);
            if (scan != NULL)
                assert_int_equal(ikv_scan_next(scan, &item, &err), IKV_E_TRUNCATED);
            ikv_scan_close(scan);
            tear_down(&fixture);
        }
}

/* A scan reads many index pages at once: it has all of a small store when the file is truncated,
 * and goes on with unreadable items. */
static void a_scan_reports_unreadable_records(void **state)
{
    enum { COUNT = 40, CUT = 20, SIZE = 40000 }; /* a leaf has no room for such records */
    char *path = tmpdir_file(*state, "scanned");
    ikv_writer_options options = store_options(IKV_KEY_U16);
    ikv_scan_options scan_options = IKV_SCAN_OPTIONS_INIT;
    unsigned char value[SIZE] = {0};
    ikv_scan *scan = NULL;
    store_model model;
    ikv_store *store;
    ikv_item item;
    ikv_error err;

    model_init(&model, IKV_KEY_U16);
    for (uint16_t key = 0; key < COUNT; key++)
        model_add(&model, &key, value, sizeof(value));
    model_sort(&model, MODEL_KEEP_ALL);
    store_write(path, &model, &options);
    store = store_open(path, 0, 0, 0);
    scan_options.memory = 1;
    assert_ok(ikv_scan_open(store, &scan_options, &scan, &err), &err);
    for (uint16_t key = 0; key < COUNT; key++) {
        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_memory_equal(item.key, &key, sizeof(key));
        if (key == 0)
            file_truncate(path, 24 + CUT * (8 + SIZE));
        if (item.status == IKV_FOUND) {
            assert_item(&model, &key, IKV_CEILING, &item);
            assert_true(key < COUNT - 1);
            continue;
        }
        assert_true(key >= CUT);
        assert_int_equal(item.status, IKV_UNREADABLE);
        assert_null(item.value);
        assert_failed(err.code, IKV_E_TRUNCATED, &err, path);
        assert_memory_equal(err.key, &key, sizeof(key));
    }
    assert_int_equal(ikv_scan_next(scan, &item, &err), IKV_E_END);
    assert_true(ikv_scan_stats(scan)->unreadable > 0);
    assert_int_equal(ikv_scan_stats(scan)->found + ikv_scan_stats(scan)->unreadable, COUNT);
    ikv_scan_close(scan);
    ikv_close(store);
    model_free(&model);
    free(path);
}

/* ---------------------------------------------------------------- damaged records */

/* A damaged record affects no other key of a batch or a scan. */
static void a_damaged_record_is_corrupt(void **state)
{
    changed_store fixture;
    uint64_t damaged;
    unsigned char damaged_key[8];
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scan = NULL;
    const ikv_stats *stats;
    ikv_error err;

    set_up(state, 0, 0, &fixture);
    memcpy(damaged_key, fixture.model.pairs[PAIRS / 2].key, sizeof(damaged_key));
    damaged = fixture.places.pairs[model_rank(&fixture.model, damaged_key)].record;
    file_flip_bit(fixture.path, (damaged + 4) * 8 + 3);

    assert_ok(ikv_get_many(fixture.store, fixture.keys, PAIRS, NULL, fixture.result, &err), &err);
    for (size_t i = 0; i < PAIRS; i++) {
        const ikv_item *item = &ikv_result_items(fixture.result)[i];

        if (i != PAIRS / 2) {
            assert_item(&fixture.model, fixture.keys + 8 * i, IKV_EXACT, item);
        } else {
            assert_int_equal(item->status, IKV_CORRUPT);
            assert_null(item->value);
        }
    }
    stats = ikv_result_stats(fixture.result);
    assert_int_equal(stats->corrupt, 1);
    assert_int_equal(stats->found, PAIRS - 1);
    assert_non_null(ikv_result_problem(fixture.result));
    assert_int_equal(ikv_result_problem(fixture.result)->code, IKV_E_RECORD);
    assert_int_equal(ikv_result_problem(fixture.result)->offset, damaged);
    assert_failed(ikv_get(fixture.store, damaged_key, NULL, fixture.result, &err), IKV_E_RECORD,
                  &err, fixture.path);
    assert_int_equal(err.offset, damaged);
    assert_memory_equal(err.key, damaged_key, 8);

    assert_ok(ikv_scan_open(fixture.store, &options, &scan, &err), &err);
    for (size_t i = 0; i < PAIRS; i++) {
        ikv_item item;

        assert_ok(ikv_scan_next(scan, &item, &err), &err);
        assert_memory_equal(item.key, fixture.model.sorted[i]->key, 8);
        if (memcmp(item.key, damaged_key, 8) != 0) {
            assert_int_equal(item.status, IKV_FOUND);
            continue;
        }
        assert_int_equal(item.status, IKV_CORRUPT);
        assert_null(item.value);
        assert_failed(err.code, IKV_E_RECORD, &err, fixture.path);
        assert_memory_equal(err.key, damaged_key, 8);
    }
    assert_int_equal(ikv_scan_stats(scan)->corrupt, 1);
    assert_int_equal(ikv_scan_stats(scan)->found, PAIRS - 1);
    ikv_scan_close(scan);
    tear_down(&fixture);
}

/* Valid records in the place of another record, or from another store. */
static void a_misplaced_record_is_corrupt(void **state)
{
    char *path = tmpdir_file(*state, "swapped");
    ikv_writer_options options = store_options(IKV_KEY_U32);
    static const unsigned char other_id[16] = {1};
    unsigned char *other_bytes;
    ikv_result *result = NULL;
    unsigned char *bytes;
    store_places places;
    ikv_store *store;
    store_model model;
    ikv_error err;
    size_t size;

    model_init(&model, IKV_KEY_U32);
    for (uint32_t key = 0; key < 100; key++)
        model_add(&model, &key, &key, sizeof(key));
    model_sort(&model, MODEL_KEEP_ALL);
    options.store_id = other_id;
    store_write(path, &model, &options);
    other_bytes = file_read(path, &size);
    options = store_options(IKV_KEY_U32);
    store_write(path, &model, &options);
    bytes = file_read(path, &size);
    places_read(path, IKV_KEY_U32, 0, &places);
    store = store_open(path, 0, 0, 0);
    assert_ok(ikv_result_new(&result), NULL);
    /* Record 7 in the place of record 8, and record 20 of a store with another id. */
    file_patch(path, places.pairs[8].record, bytes + places.pairs[7].record, 12);
    file_patch(path, places.pairs[20].record, other_bytes + places.pairs[20].record, 12);
    for (uint32_t key = 0; key < 100; key++) {
        int code = ikv_get(store, &key, NULL, result, &err);

        if (key == 8 || key == 20)
            assert_failed(code, IKV_E_RECORD, &err, path);
        else
            assert_ok(code, &err);
    }
    ikv_result_free(result);
    ikv_close(store);
    places_free(&places);
    model_free(&model);
    free(bytes);
    free(other_bytes);
    free(path);
}

/* ---------------------------------------------------------------- replacement */

static void an_open_store_keeps_its_file(void **state)
{
    changed_store fixture;
    store_model later;
    rng_state random = {66};
    ikv_writer_options options = store_options(IKV_KEY_U64);
    char *renamed;

    set_up(state, 0, 1, &fixture);
    renamed = tmpdir_file(*state, "renamed");
    model_init(&later, IKV_KEY_U64);
    model_fill(&later, &random, 100, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    store_write(fixture.path, &later, &options);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
        assert_batch(fixture.store, &fixture.model, fixture.keys, PAIRS, (ikv_match)match,
                     fixture.result);
    assert_key_scan(fixture.store, &fixture.model, NULL, NULL, 0, 0);
    assert_store_equals(fixture.path, &later);

    /* Nor does renaming or removing the file matter. */
    assert_int_equal(rename(fixture.path, renamed), 0);
    assert_int_equal(remove(renamed), 0);
    assert_batch(fixture.store, &fixture.model, fixture.keys, PAIRS, IKV_EXACT, fixture.result);
    model_free(&later);
    free(renamed);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_in_the_index),
        cmocka_unit_test(a_cut_in_the_records),
        cmocka_unit_test(records_before_a_cut_are_answered),
        cmocka_unit_test(a_scan_of_a_cut_file_ends_with_an_error),
        cmocka_unit_test(a_scan_reports_unreadable_records),
        cmocka_unit_test(a_damaged_record_is_corrupt),
        cmocka_unit_test(a_misplaced_record_is_corrupt),
        cmocka_unit_test(an_open_store_keeps_its_file),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
