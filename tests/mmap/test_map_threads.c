/*
 * Lookups in memory by many threads: while residency hints change and pages are dropped, while the
 * engine is closed, and with callbacks that stop the batch; one result used by several threads in
 * turn.
 */
#include "map_fixture.h"

#include "scale.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PAIRS   6000u
#define THREADS 3u

struct shared {
    store_model model;
    ikv_store *store;
    uint64_t *keys; /* of all pairs */
    atomic_bool stop;
    atomic_uint wrong;
    atomic_uint canceled;
};

static void set_up(void **state, ikv_engine *engine, struct shared *ret)
{
    const open_mode mode = {"auto", IKV_BACKEND_AUTO, 0};
    char *path = tmpdir_file(*state, "store");
    rng_state rng = {41};

    map_make(path, PAIRS, 300, 0, &ret->model);
    ret->store = engine_open(path, 0, &mode, engine);
    ret->keys = must_malloc(PAIRS * sizeof *ret->keys);
    for (uint64_t i = 0; i < PAIRS; i++)
        ret->keys[i] = i;
    rng_shuffle(&rng, ret->keys, PAIRS, sizeof *ret->keys);
    atomic_init(&ret->stop, false);
    atomic_init(&ret->wrong, 0);
    atomic_init(&ret->canceled, 0);
    free(path);
}

static void tear_down(struct shared *shared)
{
    ikv_close(shared->store);
    model_free(&shared->model);
    free(shared->keys);
}

/* ---------------------------------------------------------------- changing hints */

static void *look_up_batches(void *argument)
{
    struct shared *shared = argument;
    ikv_result *result = NULL;
    rng_state rng = {(uint64_t)(uintptr_t)&rng};

    if (ikv_result_new(&result) != 0)
        return NULL;
    for (size_t i = test_scaled(150); i > 0; i--) {
        /* One key, a few, or more than one thread looks up. */
        const size_t count_max = i % 3 == 0 ? 1 : i % 3 == 1 ? 100 : PAIRS;
        const size_t count = 1 + (size_t)rng_below(&rng, count_max);
        const uint64_t *keys = shared->keys + rng_below(&rng, PAIRS - count + 1);
        ikv_get_options options = IKV_GET_OPTIONS_INIT;

        options.match = i % 5 ? IKV_EXACT : IKV_FLOOR;
        (void)!ikv_get_many(shared->store, keys, count, &options, result, NULL);
        if (!batch_is_right(&shared->model, keys, count, options.match, result))
            atomic_fetch_add(&shared->wrong, 1);
    }
    ikv_result_free(result);
    return NULL;
}

static void *change_hints(void *argument)
{
    struct shared *shared = argument;
    const uint64_t size = shared->store->file_size;
    rng_state rng = {43};

    while (!atomic_load(&shared->stop)) {
        const uint64_t offset = rng_below(&rng, size);

        if (rng_below(&rng, 4) == 0)
            map_set_random_hints(shared->store, &rng);
        map_try_to_drop(shared->store, offset, 1 + rng_below(&rng, (size - offset) / 4 + 1));
    }
    return NULL;
}

static void hints_change_during_lookups(void **state)
{
    ikv_engine *engine = engine_make(2, 0, 0, 0);
    pthread_t threads[THREADS];
    pthread_t changer;
    struct shared shared;

    set_up(state, engine, &shared);
    assert_int_equal(pthread_create(&changer, NULL, change_hints, &shared), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_batches, &shared), 0);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    atomic_store(&shared.stop, true);
    (void)pthread_join(changer, NULL);
    assert_int_equal(atomic_load(&shared.wrong), 0);
    tear_down(&shared);
    ikv_engine_close(engine);
}

/* ---------------------------------------------------------------- batches that stop early */

static void *submit_until_closed(void *argument)
{
    struct shared *shared = argument;
    ikv_result *result = NULL;
    int code = ikv_result_new(&result);

    while (code == 0) {
        code = ikv_submit(shared->store, shared->keys, PAIRS, NULL, NULL, result, NULL);
        if (code == 0)
            code = ikv_wait(result, NULL);
        if (code == 0 && !batch_is_right(&shared->model, shared->keys, PAIRS, IKV_EXACT, result))
            atomic_fetch_add(&shared->wrong, 1);
    }
    if (code == IKV_E_CANCELED)
        atomic_fetch_add(&shared->canceled, 1);
    ikv_result_free(result);
    return NULL;
}

static void close_engine_while_batches_run(void **state)
{
    for (size_t round = 0; round < test_scaled(20); round++) {
        ikv_engine *engine = engine_make(2, 0, 0, 0);
        pthread_t threads[THREADS];
        struct shared shared;

        set_up(state, engine, &shared);
        map_warm(shared.store, 0, shared.store->file_size);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, submit_until_closed, &shared), 0);
        (void)usleep((useconds_t)(round * 300));
        ikv_engine_close(engine);
        for (size_t i = 0; i < THREADS; i++)
            (void)pthread_join(threads[i], NULL);
        assert_int_equal(atomic_load(&shared.wrong), 0);
        assert_int_equal(atomic_load(&shared.canceled), THREADS);
        tear_down(&shared);
    }
}

struct counter {
    const struct shared *shared;
    unsigned char *seen; /* calls for each index */
    atomic_uint calls;
    atomic_uint wrong;
    unsigned stop_at; /* the call that stops the batch; 0 for none */
};

static int count_value(void *user, size_t index, const ikv_item *item)
{
    struct counter *counter = user;
    const model_pair *pair =
        model_find(&counter->shared->model, &counter->shared->keys[index % PAIRS], IKV_EXACT);

    if (counter->seen[index]++ || item->status != IKV_FOUND || item->size != pair->size ||
        memcmp(item->value, pair->value, pair->size) != 0)
        atomic_fetch_add(&counter->wrong, 1);
    return atomic_fetch_add(&counter->calls, 1) + 1 == counter->stop_at;
}

/* Each value is delivered once, also of repeated keys, with hints for all, some or none of the
 * pages. If a callback stops the batch, every shard stops soon. */
static void values_to_callback_or_array(void **state)
{
    ikv_engine *engine = engine_make(2, 0, 0, 0);
    ikv_result *result = NULL;
    struct shared shared;
    rng_state rng = {44};

    set_up(state, engine, &shared);
    shared.keys = must_realloc(shared.keys, 2 * PAIRS * sizeof *shared.keys);
    memcpy(shared.keys + PAIRS, shared.keys, PAIRS * sizeof *shared.keys);
    map_warm(shared.store, 0, shared.store->file_size);
    assert_ok(ikv_result_new(&result), NULL);
    for (size_t round = 0; round < 12; round++) {
        const size_t count = round % 2 ? 2 * PAIRS : 2000;
        ikv_get_options options = IKV_GET_OPTIONS_INIT;
        struct counter counter = {.shared = &shared, .seen = must_malloc(2 * PAIRS)};

        memset(counter.seen, 0, 2 * PAIRS);
        atomic_init(&counter.calls, 0);
        atomic_init(&counter.wrong, 0);
        counter.stop_at = round % 4 >= 2 ? 700 : 0;
        options.on_value = count_value;
        options.user = &counter;
        map_set_hints(shared.store, round < 4 ? UINT64_MAX : 0);
        if (round >= 8)
            map_set_random_hints(shared.store, &rng);
        const int code = ikv_get_many(shared.store, shared.keys, count, &options, result, NULL);
        assert_int_equal(atomic_load(&counter.wrong), 0);
        if (counter.stop_at) {
            assert_int_equal(code, IKV_E_CANCELED);
            assert_int_equal(ikv_result_count(result), 0);
            assert_in_range(atomic_load(&counter.calls), counter.stop_at, count);
        } else {
            assert_int_equal(code, 0);
            assert_int_equal(atomic_load(&counter.calls), count);
            assert_int_equal(ikv_result_stats(result)->found, count);
        }
        free(counter.seen);
    }
    /* The same values into the caller's array. */
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    unsigned char *values = must_malloc((size_t)2 * PAIRS * 300);
    options.values = values;
    options.value_size = 300;
    for (int round = 0; round < 3; round++) {
        memset(values, 0, (size_t)2 * PAIRS * 300);
        map_set_random_hints(shared.store, &rng);
        assert_ok(ikv_get_many(shared.store, shared.keys, 2 * PAIRS, &options, result, NULL), NULL);
        for (size_t i = 0; i < 2 * PAIRS; i++)
            assert_memory_equal(values + i * 300,
                                model_find(&shared.model, &shared.keys[i], IKV_EXACT)->value, 300);
    }
    free(values);
    ikv_result_free(result);
    tear_down(&shared);
    ikv_engine_close(engine);
}

/* ---------------------------------------------------------------- faults of other threads */

struct passed_result {
    struct shared *shared;
    ikv_result *result;
    uint64_t faults_max; /* of one call */
};

/* Look up single keys whose pages were dropped, so that each call has a fault. */
static void *look_up_with_faults(void *argument)
{
    struct passed_result *passed = argument;

    for (size_t i = 0; i < 50; i++) {
        map_try_to_drop(passed->shared->store, 0, passed->shared->store->file_size);
        map_set_hints(passed->shared->store, UINT64_MAX);
        (void)!ikv_get(passed->shared->store, &passed->shared->keys[i], NULL, passed->result, NULL);
        const uint64_t faults = ikv_result_stats(passed->result)->major_faults;
        passed->faults_max = faults > passed->faults_max ? faults : passed->faults_max;
    }
    return NULL;
}

/* A result is passed from thread to thread: a call must not count the faults of another thread. */
static void result_passed_between_threads(void **state)
{
    struct passed_result passed = {0};
    struct shared shared;

    set_up(state, NULL, &shared);
    passed.shared = &shared;
    assert_ok(ikv_result_new(&passed.result), NULL);
    for (int i = 0; i < 6; i++) {
        pthread_t thread;
        if (i % 2)
            (void)look_up_with_faults(&passed);
        assert_int_equal(pthread_create(&thread, NULL, look_up_with_faults, &passed), 0);
        (void)pthread_join(thread, NULL);
    }
    assert_in_range(passed.faults_max, 0, 1000);
    ikv_result_free(passed.result);
    tear_down(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hints_change_during_lookups),
        cmocka_unit_test(close_engine_while_batches_run),
        cmocka_unit_test(values_to_callback_or_array),
        cmocka_unit_test(result_passed_between_threads),
    };

    return cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
}
