/*
 * Engines of all sizes answer as the model does, for each kind of store, batch shape, match mode,
 * backend, and way of waiting for a batch.
 */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIRS   2000
#define BATCHES 5 /* submitted at a time */

static const struct {
    uint32_t threads;
    uint32_t depth;
    uint32_t queue;
    uint64_t bytes_in_flight;
} engines[] = {{1, 1, 0, 0},   {1, 256, 1, 1},    {2, 3, 2, 0}, {2, 256, 0, 1},
               {5, 256, 0, 0}, {5, 3, 3, 100000}, {5, 1, 0, 1}};
enum { ENGINES = sizeof(engines) / sizeof(engines[0]) };

/* Integers of every size class, signed and unsigned, and short and long byte strings; u8 allows
 * few distinct keys. */
static const struct {
    ikv_key_type type;
    uint32_t flags;
} kinds[] = {{IKV_KEY_U8, 0},
             {IKV_KEY_I32, 0},
             {IKV_KEY_U64, IKV_WRITE_PLAIN},
             {IKV_KEY_U128, 0},
             {IKV_KEY_BYTES(3), IKV_WRITE_PLAIN},
             {IKV_KEY_BYTES(20), 0},
             {IKV_KEY_BYTES(128), IKV_WRITE_PLAIN}};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

typedef struct batch {
    unsigned char *keys;
    size_t count;
    ikv_match match;
    ikv_result *result;
    atomic_int calls;
    atomic_int code;
} batch;

static batch new_batch(const store_model *model, rng_state *rng)
{
    const batch_shape shape = (batch_shape)rng_below(rng, BATCH_SHAPES);
    batch b = {.match = (ikv_match)rng_below(rng, 3)};

    b.keys = batch_keys(model, rng, shape, 1 + (size_t)rng_below(rng, 1500), &b.count);
    assert_ok(ikv_result_new(&b.result), NULL);
    return b;
}

static void check_batch(const store_model *model, batch *b, const char *mode)
{
    if (!batch_is_right(model, b->keys, b->count, b->match, b->result))
        fail_msg("%s: wrong answers in a batch of %zu, code %d", mode, b->count,
                 ikv_result_code(b->result));
    ikv_result_free(b->result);
    free(b->keys);
}

static ikv_get_options match_of(const batch *b)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;

    options.match = b->match;
    return options;
}

/* Every shape by ikv_get_many, reusing one result. */
static void get_all_shapes(ikv_store *store, const store_model *model, rng_state *rng)
{
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    for (int shape = 0; shape < BATCH_SHAPES; shape++) {
        size_t count;
        unsigned char *keys = batch_keys(model, rng, (batch_shape)shape, 800, &count);

        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(store, model, keys, count, (ikv_match)match, result);
        free(keys);
    }
    ikv_result_free(result);
}

static void submit_and_wait(ikv_store *store, const store_model *model, rng_state *rng,
                            const char *mode)
{
    batch batches[BATCHES];
    ikv_error err;

    for (size_t i = 0; i < BATCHES; i++) {
        batches[i] = new_batch(model, rng);
        const ikv_get_options options = match_of(&batches[i]);
        assert_ok(ikv_submit(store, batches[i].keys, batches[i].count, &options, NULL,
                             batches[i].result, &err),
                  &err);
    }
    for (size_t i = BATCHES; i-- > 0;) {
        assert_ok(ikv_wait(batches[i].result, &err), &err);
        assert_int_equal(ikv_wait(batches[i].result, &err), IKV_E_STATE);
        check_batch(model, &batches[i], mode);
    }
}

static void submit_to_completions(ikv_store *store, const store_model *model, rng_state *rng,
                                  const char *mode)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    batch batches[BATCHES];
    ikv_error err;

    assert_ok(ikv_completions_new(&options.completions, &err), &err);
    struct pollfd readable = {.fd = ikv_completions_fd(options.completions), .events = POLLIN};
    assert_null(ikv_completions_next(options.completions));
    assert_int_equal(poll(&readable, 1, 0), 0);
    for (size_t i = 0; i < BATCHES; i++) {
        batches[i] = new_batch(model, rng);
        const ikv_get_options get = match_of(&batches[i]);
        assert_ok(ikv_submit(store, batches[i].keys, batches[i].count, &get, &options,
                             batches[i].result, &err),
                  &err);
    }
    for (size_t left = BATCHES; left > 0;) {
        ikv_result *result;

        assert_int_equal(poll(&readable, 1, 60000), 1);
        while ((result = ikv_completions_next(options.completions)) != NULL) {
            size_t i = 0;
            while (i < BATCHES && batches[i].result != result)
                i++;
            assert_true(i < BATCHES); /* its slot is cleared below: each result comes once */
            check_batch(model, &batches[i], mode);
            batches[i].result = NULL;
            left--;
        }
    }
    assert_int_equal(poll(&readable, 1, 0), 0);
    ikv_completions_free(options.completions);
}

static void count_call(void *user, ikv_result *result, int code)
{
    batch *b = user;

    atomic_store(&b->code, result == b->result ? code : -1);
    atomic_fetch_add(&b->calls, 1);
}

/* Waits for all callbacks, since closing the store would cancel the batches. */
static void submit_with_callbacks(ikv_store *store, const store_model *model, rng_state *rng,
                                  const char *mode)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    batch batches[BATCHES];
    ikv_error err;

    options.on_done = count_call;
    memset(batches, 0, sizeof(batches));
    for (size_t i = 0; i < BATCHES; i++) {
        const batch b = new_batch(model, rng);
        batches[i].keys = b.keys;
        batches[i].count = b.count;
        batches[i].match = b.match;
        batches[i].result = b.result;
        options.user = &batches[i];
        const ikv_get_options get = match_of(&b);
        assert_ok(ikv_submit(store, b.keys, b.count, &get, &options, b.result, &err), &err);
    }
    for (size_t i = 0; i < BATCHES; i++)
        while (atomic_load(&batches[i].calls) == 0)
            (void)poll(NULL, 0, 1);
    for (size_t i = 0; i < BATCHES; i++) {
        assert_int_equal(atomic_load(&batches[i].code), 0);
        assert_int_equal(atomic_load(&batches[i].calls), 1);
        check_batch(model, &batches[i], mode);
    }
}

static void check_kind(const tmpdir *dir, size_t kind)
{
    char *path = tmpdir_file(dir, "store");
    rng_state rng = {kind};
    open_mode modes[OPEN_MODES_MAX];
    store_model model;

    engine_fill(path, kinds[kind].type, kinds[kind].flags, PAIRS, MODEL_SIZES_MIXED, kind, &model);
    const size_t mode_count = open_modes(path, kinds[kind].type, modes);
    assert_true(mode_count >= 2);
    for (size_t m = 0; m < mode_count; m++) {
        for (size_t e = 0; e < ENGINES; e++) {
            if ((e + m + kind) % (test_is_sanitized() ? 7 : 3) != 0)
                continue;
            ikv_engine *engine = engine_make(engines[e].threads, engines[e].depth, engines[e].queue,
                                             engines[e].bytes_in_flight);
            ikv_store *store = engine_open(path, kinds[kind].type, &modes[m], engine);
            if (e % 2 == 0)
                get_all_shapes(store, &model, &rng);
            submit_and_wait(store, &model, &rng, modes[m].name);
            submit_to_completions(store, &model, &rng, modes[m].name);
            submit_with_callbacks(store, &model, &rng, modes[m].name);
            ikv_engine_info info;
            ikv_engine_get_info(engine, &info);
            assert_int_equal(info.threads, engines[e].threads);
            assert_int_equal(info.depth, engines[e].depth);
            assert_int_equal(info.batches, 0);
            ikv_close(store);
            ikv_engine_close(engine);
        }
    }
    model_free(&model);
    free(path);
}

static void answers_match_model(void **state)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        check_kind(*state, kind);
}

static void empty_stores(void **state)
{
    char *path = tmpdir_file(*state, "empty");
    open_mode modes[OPEN_MODES_MAX];
    rng_state rng = {1};
    store_model model;

    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        engine_fill(path, IKV_KEY_U32, flags, 0, MODEL_SIZES_SMALL, 1, &model);
        const size_t count = open_modes(path, IKV_KEY_U32, modes);
        for (size_t m = 0; m < count; m++) {
            ikv_engine *engine = engine_make(2, 0, 0, 0);
            ikv_store *store = engine_open(path, IKV_KEY_U32, &modes[m], engine);
            submit_and_wait(store, &model, &rng, modes[m].name);
            submit_to_completions(store, &model, &rng, modes[m].name);
            ikv_close(store);
            ikv_engine_close(engine);
        }
        model_free(&model);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_match_model),
        cmocka_unit_test(empty_stores),
    };

    return cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
}
