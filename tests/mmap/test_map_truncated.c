/*
 * Files that are cut short, or replaced, under an open store that looks keys up in memory: at every
 * page, within records, within the index, between the submission of a batch and its run. Never a
 * signal, and where the file still has the bytes the same answers as with pread.
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
#define WAYS  (sizeof(ways) / sizeof(ways[0]))

/* The first is what the others are held against. */
static const engine_way ways[] = {{"pread", IKV_BACKEND_PREAD, 0},
                                  {"auto", IKV_BACKEND_AUTO, 0},
                                  {"auto, no map", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP},
                                  {"mmap", IKV_BACKEND_MMAP, 0}};

struct opened {
    ikv_store *stores[WAYS];
    ikv_result *results[WAYS];
    ikv_engine *engine;
};

/* Fences, checksums and their tree are kept of the index, but no pages. */
static ikv_store *open_without_pages(const char *path, const engine_way *way, ikv_engine *engine)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.backend = way->backend;
    options.flags = way->flags;
    options.engine = engine;
    options.index_memory = 600;
    assert_ok(ikv_open(path, &options, &store, &err), &err);
    assert_null(store->cache);
    return store;
}

static struct opened open_all(const char *path)
{
    struct opened opened = {.engine = engine_make(2, 0, 0, 0)};

    for (size_t i = 0; i < WAYS; i++) {
        opened.stores[i] = open_without_pages(path, &ways[i], opened.engine);
        assert_ok(ikv_result_new(&opened.results[i]), NULL);
    }
    assert_non_null(opened.stores[1]->tree.nodes);
    return opened;
}

static void close_all(struct opened *opened)
{
    for (size_t i = 0; i < WAYS; i++) {
        ikv_result_free(opened->results[i]);
        ikv_close(opened->stores[i]);
    }
    ikv_engine_close(opened->engine);
}

static void assert_same_answers(const store_model *model, const uint64_t *keys,
                                const ikv_result *as, const ikv_result *got, const char *name,
                                uint64_t cut)
{
    const size_t count = ikv_result_count(as);

    assert_int_equal(ikv_result_count(got), count);
    for (size_t i = 0; i < count; i++) {
        const ikv_item *item = &ikv_result_items(got)[i];

        if (item->status != ikv_result_items(as)[i].status)
            fail_msg("%s, cut at %llu: key %llu has status %d, with pread %d", name,
                     (unsigned long long)cut, (unsigned long long)keys[i], item->status,
                     ikv_result_items(as)[i].status);
        if (item->status != IKV_UNREADABLE)
            assert_item(model, &keys[i], IKV_EXACT, item);
    }
    assert_int_equal(ikv_result_code(got), ikv_result_code(as));
}

/* All keys at once, by a call and submitted, and one by one. */
static void look_up_all(const struct opened *opened, const store_model *model, const uint64_t *keys,
                        size_t count, uint64_t cut)
{
    for (size_t w = 0; w < WAYS; w++) {
        ikv_error err;

        (void)!ikv_get_many(opened->stores[w], keys, count, NULL, opened->results[w], &err);
        assert_same_answers(model, keys, opened->results[0], opened->results[w], ways[w].name, cut);
        assert_ok(ikv_submit(opened->stores[w], keys, count, NULL, NULL, opened->results[w], &err),
                  &err);
        (void)!ikv_wait(opened->results[w], &err);
        assert_same_answers(model, keys, opened->results[0], opened->results[w], ways[w].name, cut);
    }
    for (size_t i = 0; i < count; i += 37) {
        int codes[WAYS];

        for (size_t w = 0; w < WAYS; w++) {
            codes[w] = ikv_get(opened->stores[w], &keys[i], NULL, opened->results[w], NULL);
            assert_int_equal(codes[w], codes[0]);
            if (codes[w] == 0)
                assert_item(model, &keys[i], IKV_EXACT, ikv_result_items(opened->results[w]));
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

static void cuts_at_every_page(void **state)
{
    char *path = tmpdir_file(*state, "cut");
    char *whole = tmpdir_file(*state, "whole");
    uint64_t keys[PAIRS + 1];
    store_model model;

    fill_keys(keys);
    map_make(whole, PAIRS, 100, 0, &model);
    const uint64_t size = file_size(whole);
    for (uint64_t i = 0; i * 2048 < size; i++) {
        const uint64_t cut = i % 2 ? i * 2048 - 13 : i * 2048; /* within a page, at a page */
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

/* The cut comes right after a lookup, which saw the file as long as it was. */
static void a_cut_between_two_gets(void **state)
{
    char *path = tmpdir_file(*state, "between");
    store_model model;

    for (size_t w = 1; w < WAYS; w++)
        for (uint64_t round = 0; round < 200; round++) {
            ikv_result *result = NULL;
            const uint64_t key = round;

            if (round % 50 == 0) {
                map_make(path, PAIRS, 100, 0, &model);
                model_free(&model);
            }
            ikv_store *store = engine_open(path, 0, &ways[w], NULL);
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

static void hold(void *user, ikv_result *result, int code)
{
    (void)result;
    (void)code;
    gate_pass(user);
}

/* The only worker is busy when the batch is submitted; before it comes to it the file is cut. */
static void a_cut_between_submission_and_run(void **state)
{
    char *path = tmpdir_file(*state, "submitted");
    uint64_t keys[PAIRS + 1];

    fill_keys(keys);
    for (size_t w = 1; w < WAYS; w++)
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
            ikv_store *store = open_without_pages(path, &ways[w], engine);
            gate_init(&gate);
            assert_ok(ikv_result_new(&first), NULL);
            assert_ok(ikv_result_new(&second), NULL);
            options.match = (ikv_match)match;
            for (int i = 0; i < 2; i++)
                assert_ok(ikv_get_many(store, keys, PAIRS, &options, first, &err), &err);
            held.on_done = hold;
            held.user = &gate;
            assert_ok(ikv_submit(store, keys, 1, NULL, &held, first, &err), &err);
            gate_wait_held(&gate, 1);
            assert_ok(ikv_submit(store, keys, PAIRS, &options, NULL, second, &err), &err);
            file_truncate(path, 4096);
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

static void a_replaced_file_keeps_its_answers(void **state)
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
        cmocka_unit_test(cuts_at_every_page),
        cmocka_unit_test(a_cut_between_two_gets),
        cmocka_unit_test(a_cut_between_submission_and_run),
        cmocka_unit_test(a_replaced_file_keeps_its_answers),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
