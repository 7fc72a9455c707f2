/*
 * Lookups in memory in damaged stores: with auto and mmap every key has the same status as with
 * pread, no present key is missing, and no value is wrong. One difference is allowed: which entries
 * of an unsorted page a search visits depends on where it starts, and so on the other keys of the
 * batch. An entry that is visited may be found, since its record has its own checksum; the others
 * are corrupt.
 */
#include "map_fixture.h"

#include "places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIRS 300u /* a few pages */
#define KEYS  (2 * PAIRS + 1)

static const open_mode modes[] = {
    {"pread", IKV_BACKEND_PREAD, 0}, /* the reference */
    {"auto", IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD},
    {"mmap", IKV_BACKEND_MMAP, 0},
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

struct fixture {
    char *whole;
    char *path;
    store_model model;
    ikv_engine *engine;
    ikv_result *results[MODES];
    uint64_t keys[KEYS];
    store_places places;
};

/* The store has the keys 3, 5, 7, ...; the even keys between them are absent. */
static void set_up(void **state, struct fixture *ret)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    unsigned char value[24];
    rng_state rng = {21};

    ret->whole = tmpdir_file(*state, "whole");
    ret->path = tmpdir_file(*state, "damaged");
    model_init(&ret->model, IKV_KEY_U64);
    for (uint64_t i = 0; i < PAIRS; i++) {
        const uint64_t key = 3 + 2 * i;
        rng_fill(&rng, value, sizeof value);
        model_add(&ret->model, &key, value, i % sizeof value);
    }
    model_sort(&ret->model, MODEL_KEEP_ALL);
    store_write(ret->whole, &ret->model, &options);
    for (uint64_t i = 0; i < KEYS; i++)
        ret->keys[i] = 2 + i;
    rng_shuffle(&rng, ret->keys, KEYS, sizeof ret->keys[0]);
    ret->engine = engine_make(1, 0, 0, 0);
    for (size_t m = 0; m < MODES; m++)
        assert_ok(ikv_result_new(&ret->results[m]), NULL);
    places_read(ret->whole, IKV_KEY_U64, 0, &ret->places);
    assert_true(ret->places.page_count > 1);
}

static void tear_down(struct fixture *fixture)
{
    places_free(&fixture->places);
    for (size_t m = 0; m < MODES; m++)
        ikv_result_free(fixture->results[m]);
    ikv_engine_close(fixture->engine);
    model_free(&fixture->model);
    free(fixture->whole);
    free(fixture->path);
}

static void assert_status(const struct fixture *fixture, size_t m, size_t i, const ikv_item *item,
                          const char *what, uint64_t where)
{
    const int expected = ikv_result_items(fixture->results[0])[i].status;

    const bool either = (item->status == IKV_FOUND && expected == IKV_CORRUPT) ||
                        (item->status == IKV_CORRUPT && expected == IKV_FOUND);

    if (item->status != expected && !either)
        fail_msg("%s at %llu, %s: key %llu has status %d, with pread %d", what,
                 (unsigned long long)where, modes[m].name, (unsigned long long)fixture->keys[i],
                 item->status, expected);
    if (item->status != IKV_CORRUPT &&
        !item_is_right(&fixture->model, &fixture->keys[i], IKV_EXACT, item))
        fail_msg("%s at %llu, %s: key %llu is wrong", what, (unsigned long long)where,
                 modes[m].name, (unsigned long long)fixture->keys[i]);
}

/* Look up all keys of the damaged file in one batch, twice, as the caches filled by the first batch
 * must not change answers; then some keys one by one. Returns the number of corrupt items. */
static size_t compare(struct fixture *fixture, const char *what, uint64_t where)
{
    size_t corrupt = 0;

    for (size_t m = 0; m < MODES; m++) {
        ikv_error err;
        ikv_store *store = engine_open(fixture->path, 0, &modes[m], fixture->engine);

        for (int round = 0; round < 2; round++) {
            assert_ok(ikv_get_many(store, fixture->keys, KEYS, NULL, fixture->results[m], &err),
                      &err);
            corrupt = (size_t)ikv_result_stats(fixture->results[m])->corrupt;
            assert_int_equal(ikv_result_problem(fixture->results[m]) != NULL, corrupt > 0);
            for (size_t i = 0; i < KEYS; i++)
                assert_status(fixture, m, i, &ikv_result_items(fixture->results[m])[i], what,
                              where);
        }
        for (size_t i = m > 0 ? where % 7 : KEYS; i < KEYS; i += 31) {
            ikv_result *one = NULL;
            assert_ok(ikv_result_new(&one), NULL);
            (void)!ikv_get(store, &fixture->keys[i], NULL, one, &err);
            assert_status(fixture, m, i, ikv_result_items(one), what, where);
            ikv_result_free(one);
        }
        ikv_close(store);
    }
    return corrupt;
}

/* Flip one bit at a time. */
static void bits_of_the_index(void **state)
{
    struct fixture fixture;
    size_t corrupt = 0;

    set_up(state, &fixture);
    file_copy(fixture.whole, fixture.path);
    /* Every byte of some entries at the beginning, middle and end of each page; one byte of every
     * 7th entry elsewhere. */
    const size_t stride = fixture.places.stride;
    for (uint64_t at = 0; at < PAIRS * stride; at++) {
        const uint64_t entry = at / stride;
        const bool all =
            entry < 2 || entry == 100 || (entry >= 255 && entry < 258) || entry == PAIRS - 1;
        if (!all && (entry % 7 || at % stride != entry / 7 % stride))
            continue;
        const uint64_t bit = (fixture.places.pairs[entry].entry + at % stride) * 8 + at * 5 % 8;
        file_flip_bit(fixture.path, bit);
        corrupt += compare(&fixture, "a bit of the index", at);
        file_flip_bit(fixture.path, bit);
    }
    assert_true(corrupt > 1000);
    tear_down(&fixture);
}

static void bits_of_records(void **state)
{
    struct fixture fixture;

    set_up(state, &fixture);
    file_copy(fixture.whole, fixture.path);
    for (uint64_t at = 24; at < fixture.places.pairs[40].record; at += 3) {
        const uint64_t bit = at * 8 + at * 5 % 8;
        file_flip_bit(fixture.path, bit);
        assert_int_equal(compare(&fixture, "a bit of a record", at), 1);
        file_flip_bit(fixture.path, bit);
    }
    tear_down(&fixture);
}

/* Two entries swapped, their positions swapped, or one entry overwritten by another. */
static void swapped_entries(void **state)
{
    struct fixture fixture;
    rng_state rng = {22};

    set_up(state, &fixture);
    for (int round = 0; round < 40; round++) {
        unsigned char a[16];
        unsigned char b[16];
        const size_t stride = fixture.places.stride;
        const uint64_t i = rng_below(&rng, PAIRS);
        const uint64_t j = (i + 1 + rng_below(&rng, PAIRS - 1)) % PAIRS;
        const size_t from = round % 3 == 1 ? 8 : 0; /* 8: positions only */
        size_t size;
        unsigned char *bytes = file_read(fixture.whole, &size);

        memcpy(a, bytes + fixture.places.pairs[i].entry, stride);
        memcpy(b, bytes + fixture.places.pairs[j].entry, stride);
        memcpy(bytes + fixture.places.pairs[i].entry + from, b + from, stride - from);
        if (round % 3 != 2)
            memcpy(bytes + fixture.places.pairs[j].entry + from, a + from, stride - from);
        file_write(fixture.path, bytes, size);
        assert_true(compare(&fixture, "entries swapped", (uint64_t)round) > 0);
        free(bytes);
    }
    tear_down(&fixture);
}

/* The record can match only one of the keys. */
static void all_entries_point_at_one_record(void **state)
{
    struct fixture fixture;
    size_t size;

    set_up(state, &fixture);
    unsigned char *bytes = file_read(fixture.whole, &size);
    for (uint64_t i = 0; i < PAIRS; i++)
        memcpy(bytes + fixture.places.pairs[i].entry + 8, bytes + fixture.places.pairs[5].entry + 8,
               fixture.places.stride - 8);
    file_write(fixture.path, bytes, size);
    assert_true(compare(&fixture, "one record", 0) >= PAIRS - 1);
    free(bytes);
    tear_down(&fixture);
}

/* A bit changes after the open store has found everything intact. */
static void damage_under_an_open_store(void **state)
{
    struct fixture fixture;
    ikv_error err;

    set_up(state, &fixture);
    const size_t stride = fixture.places.stride;
    for (size_t m = 1; m < MODES; m++)
        for (uint64_t at = 8; at < PAIRS * stride; at += stride * 29 + 1) {
            file_copy(fixture.whole, fixture.path);
            ikv_store *store = engine_open(fixture.path, 0, &modes[m], fixture.engine);
            for (int round = 0; round < 2; round++)
                assert_batch(store, &fixture.model, fixture.keys, KEYS, IKV_EXACT,
                             fixture.results[m]);
            (void)usleep(20000); /* file systems have coarse modification times */
            file_flip_bit(fixture.path,
                          (fixture.places.pairs[at / stride].entry + at % stride) * 8 + at % 8);
            for (int round = 0; round < 2; round++) {
                assert_ok(ikv_get_many(store, fixture.keys, KEYS, NULL, fixture.results[m], &err),
                          &err);
                for (size_t i = 0; i < KEYS; i++) {
                    const ikv_item *item = &ikv_result_items(fixture.results[m])[i];
                    if (item->status != IKV_CORRUPT)
                        assert_item(&fixture.model, &fixture.keys[i], IKV_EXACT, item);
                }
            }
            ikv_close(store);
        }
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_of_the_index),
        cmocka_unit_test(bits_of_records),
        cmocka_unit_test(swapped_entries),
        cmocka_unit_test(all_entries_point_at_one_record),
        cmocka_unit_test(damage_under_an_open_store),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
