/*
 * Files that are truncated or replaced while a store that looks keys up in memory is open: at every
 * page, within records and the index, and between submission and execution of a batch. There must
 * be no SIGBUS, and the same answers as with pread.
 */
#include "map_fixture.h"

#include "gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIRS 600u
#define MODES (sizeof(modes) / sizeof(modes[0]))

/* The first is the reference. */
static const open_mode modes[] = {{"pread", IKV_BACKEND_PREAD, 0},
                                  {"auto", IKV_BACKEND_AUTO, 0},
                                  {"auto, no map", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP},
                                  {"mmap", IKV_BACKEND_MMAP, 0}};

struct opened {
    ikv_store *stores[MODES];
    ikv_result *results[MODES];
    ikv_engine *engine;
};

/* index_memory is enough for fences, their tree and checksums, but not for index pages. */
static ikv_store *open_without_pages(const char *path, const open_mode *mode, ikv_engine *engine)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.backend = mode->backend;
    options.flags = mode->flags;
    options.engine = engine;
    options.index_memory = 600;
    assert_ok(ikv_open(path, &options, &store, &err), &err);
    assert_null(store->cache);
    return store;
}

static struct opened open_all(const char *path)
{
    struct opened opened = {.engine = engine_make(2, 0, 0, 0)};

    for (size_t i = 0; i < MODES; i++) {
        opened.stores[i] = open_without_pages(path, &modes[i], opened.engine);
        assert_ok(ikv_result_new(&opened.results[i]), NULL);
    }
    assert_non_null(opened.stores[1]->tree.nodes);
    return opened;
}

static void close_all(struct opened *opened)
{
    for (size_t i = 0; i < MODES; i++) {
        ikv_result_free(opened->results[i]);
        ikv_close(opened->stores[i]);
    }
    ikv_engine_close(opened->engine);
}

static void assert_same_answers(const store_model *model, const uint64_t *keys,
                                const ikv_result *expected, const ikv_result *actual,
                                const char *name, uint64_t cut)
{
    const size_t count = ikv_result_count(expected);

    assert_int_equal(ikv_result_count(actual), count);
    for (size_t i = 0; i < count; i++) {
        const ikv_item *item = &ikv_result_items(actual)[i];

        if (item->status != ikv_result_items(expected)[i].status)
            fail_msg("%s, truncated at %llu: key %llu has status %d, with pread %d", name,
                     (unsigned long long)cut, (unsigned long long)keys[i], item->status,
                     ikv_result_items(expected)[i].status);
        if (item->status != IKV_UNREADABLE)
            assert_item(model, &keys[i], IKV_EXACT, item);
    }
    assert_int_equal(ikv_result_code(actual), ikv_result_code(expected));
}

/* All keys by ikv_get_many and by ikv_submit, some one by one. */
static void look_up_all(const struct opened *opened, const store_model *model, const uint64_t *keys,
                        size_t count, uint64_t cut)
{
    for (size_t m = 0; m < MODES; m++) {
        ikv_error err;

        (void)!ikv_get_many(opened->stores[m], keys, count, NULL, opened->results[m], &err);
        assert_same_answers(model, keys, opened->results[0], opened->results[m], modes[m].name,
                            cut);
        assert_ok(ikv_submit(opened->stores[m], keys, count, NULL, NULL, opened->results[m], &err),
                  &err);
        (void)!ikv_wait(opened->results[m], &err);
        assert_same_answers(model, keys, opened->results[0], opened->results[m], modes[m].name,
                            cut);
    }
    for (size_t i = 0; i < count; i += 37) {
        int codes[MODES];

        for (size_t m = 0; m < MODES; m++) {
            codes[m] = ikv_get(opened->stores[m], &keys[i], NULL, opened->results[m], NULL);
            assert_int_equal(codes[m], codes[0]);
            if (codes[m] == 0)
                assert_item(model, &keys[i], IKV_EXACT, ikv_result_items(opened->results[m]));
        }
    }
}

static void fill_keys(uint64_t *keys)
{
    rng_state rng = {9};

    for (uint64_t i = 0; i < PAIRS; i++)
        keys[i] = i;
    keys[PAIRS] = PAIRS + 5; /* absent */
    rng_shuffle(&rng, keys, PAIRS + 1, sizeof *keys);
}

static void truncate_at_every_page(void **state)
{
    char *path = tmpdir_file(*state, "cut");
    char *whole = tmpdir_file(*state, "whole");
    uint64_t keys[PAIRS + 1];
    store_model model;

    fill_keys(keys);
    map_make(whole, PAIRS, 100, 0, &model);
    const uint64_t size = file_size(whole);
    for (uint64_t i = 0; i * 2048 < size; i++) {
        const uint64_t cut = i % 2 ? i * 2048 - 13 : i * 2048; /* within a page, or at its start */
        file_copy(whole, path);
        struct opened opened = open_all(path);
        for (int round = 0; round < 2; round++)
            look_up_all(&opened, &model, keys, PAIRS + 1, size);
        file_truncate(path, cut);
        look_up_all(&opened, &model, keys, PAIRS + 1, cut);
        close_all(&opened);
    }
    model_free(&model);
    free(whole);
    free(path);
}

/* A leaf in memory would answer from its copy. */
static ikv_store *open_uncached(const char *path, const open_mode *mode)
{
    return store_layout() == IKV_LAYOUT_CLUSTERED ? open_without_pages(path, mode, NULL)
                                                  : engine_open(path, 0, mode, NULL);
}

/* The file is truncated right after a lookup that saw its full size. */
static void truncate_between_two_gets(void **state)
{
    char *path = tmpdir_file(*state, "between");
    store_model model;

    for (size_t m = 1; m < MODES; m++)
        for (uint64_t round = 0; round < 200; round++) {
            ikv_result *result = NULL;
            const uint64_t key = round;

            if (round % 50 == 0) {
                map_make(path, PAIRS, 100, 0, &model);
                model_free(&model);
            }
            ikv_store *store = open_uncached(path, &modes[m]);
            assert_ok(ikv_result_new(&result), NULL);
            for (int i = 0; i < 20; i++)
                assert_ok(ikv_get(store, &key, NULL, result, NULL), NULL);
            file_truncate(path, 0);
            assert_int_equal(ikv_get(store, &key, NULL, result, NULL), IKV_E_TRUNCATED);
            ikv_result_free(result);
            ikv_close(store);
            map_make(path, PAIRS, 100, 0, &model);
            model_free(&model);
        }
    free(path);
}

static void wait_at_gate(void *user, ikv_result *result, int code)
{
    (void)result;
    (void)code;
    gate_pass(user);
}

/* The only worker is busy when the batch is submitted. The file is truncated before the worker
 * begins with the batch. */
static void truncate_between_submission_and_execution(void **state)
{
    char *path = tmpdir_file(*state, "submitted");
    uint64_t keys[PAIRS + 1];

    fill_keys(keys);
    for (size_t m = 1; m < MODES; m++)
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
            ikv_engine *engine = engine_make(1, 0, 0, 0);
            ikv_submit_options held = IKV_SUBMIT_OPTIONS_INIT;
            ikv_get_options options = IKV_GET_OPTIONS_INIT;
            ikv_result *first = NULL;
            ikv_result *second = NULL;
            store_model model;
            test_gate gate;
            ikv_error err;

            map_make(path, PAIRS, 100, 0, &model);
            ikv_store *store = open_without_pages(path, &modes[m], engine);
            gate_init(&gate);
            assert_ok(ikv_result_new(&first), NULL);
            assert_ok(ikv_result_new(&second), NULL);
            options.match = (ikv_match)match;
            for (int i = 0; i < 2; i++)
                assert_ok(ikv_get_many(store, keys, PAIRS, &options, first, &err), &err);
            held.on_done = wait_at_gate;
            held.user = &gate;
            assert_ok(ikv_submit(store, keys, 1, NULL, &held, first, &err), &err);
            gate_wait_held(&gate, 1);
            assert_ok(ikv_submit(store, keys, PAIRS, &options, NULL, second, &err), &err);
            file_truncate(path, 4000); /* within the first page, or leaf */
            gate_set(&gate, 1);
            assert_failed(ikv_wait(second, &err), IKV_E_TRUNCATED, &err, path);
            assert_int_equal(ikv_result_stats(second)->unreadable, PAIRS);
            ikv_engine_close(engine);
            ikv_result_free(first);
            ikv_result_free(second);
            ikv_close(store);
            gate_destroy(&gate);
            model_free(&model);
        }
    free(path);
}

static void open_store_ignores_replaced_file(void **state)
{
    char *path = tmpdir_file(*state, "replaced");
    uint64_t keys[PAIRS + 1];
    store_model old;
    store_model new;

    fill_keys(keys);
    map_make(path, PAIRS, 100, 0, &old);
    struct opened opened = open_all(path);
    look_up_all(&opened, &old, keys, PAIRS + 1, 0);
    map_make(path, PAIRS / 2, 77, 0, &new);
    for (int round = 0; round < 3; round++)
        look_up_all(&opened, &old, keys, PAIRS + 1, 0);
    close_all(&opened);
    opened = open_all(path);
    look_up_all(&opened, &new, keys, PAIRS + 1, 0);
    close_all(&opened);
    model_free(&old);
    model_free(&new);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncate_at_every_page),
        cmocka_unit_test(truncate_between_two_gets),
        cmocka_unit_test(truncate_between_submission_and_execution),
        cmocka_unit_test(open_store_ignores_replaced_file),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
