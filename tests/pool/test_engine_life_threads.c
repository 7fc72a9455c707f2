/*
 * Engines, stores and results that end while others still use them. A few threads meet the test's
 * own thread at a barrier, so that each round is short and there can be thousands: a call that
 * never returns shows by the time limit of the test, a wrong answer or a callback too many by
 * counting.
 */
#include "indexkv.h"

#include "engines.h"
#include "gate.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 3
#define BATCHES 4    /* that a thread submits in a round */
#define KEYS    100  /* more than the calling thread looks up by itself */
#define ROUNDS  1000 /* 10,000 take a minute: INDEXKV_TEST_SCALE=10 */

static struct world {
    tmpdir directory;
    char *path;
    store_model model;
    engine_way ways[ENGINE_WAYS_MAX];
    size_t way_count;
    uint64_t keys[KEYS];
} world;

/* One round. */
static struct round {
    ikv_engine *engine;
    ikv_store *store;
    atomic_uint wrong; /* answers that are neither right nor canceled */
    atomic_uint called;
    atomic_uint submitted;
    atomic_uint canceled;
    atomic_bool closed; /* the engine */
} current;

/* ---------------------------------------------------------------- what came of a batch */

static void judge(const ikv_result *result, int code)
{
    const int good = code == IKV_E_CANCELED ? ikv_result_count(result) == 0
                                            : code == 0 && batch_is_right(&world.model, world.keys,
                                                                          KEYS, IKV_EXACT, result);

    if (!good || ikv_result_code(result) != code)
        atomic_fetch_add(&current.wrong, 1);
    if (code == IKV_E_CANCELED)
        atomic_fetch_add(&current.canceled, 1);
}

static void done(void *user, ikv_result *result, int code)
{
    judge(result, code);
    atomic_fetch_add((atomic_uint *)user, 1);
}

/* ---------------------------------------------------------------- what threads do */

typedef struct member {
    pthread_t thread;
    struct crew *crew;
    rng_state rng;
    ikv_result *results[BATCHES];
    atomic_uint calls[BATCHES]; /* of the callback of each batch */
} member;

typedef void (*member_role)(member *self);

struct crew {
    pthread_barrier_t begin;
    pthread_barrier_t end;
    member_role role; /* NULL: the end */
    member members[THREADS];
};

static void *member_main(void *argument)
{
    member *self = argument;

    for (;;) {
        (void)pthread_barrier_wait(&self->crew->begin);
        if (self->crew->role == NULL)
            return NULL;
        self->crew->role(self);
        (void)pthread_barrier_wait(&self->crew->end);
    }
}

static void crew_begin(struct crew *crew, member_role role)
{
    memset(crew, 0, sizeof(*crew));
    crew->role = role;
    (void)pthread_barrier_init(&crew->begin, NULL, THREADS + 1);
    (void)pthread_barrier_init(&crew->end, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) {
        member *one = &crew->members[i];

        one->crew = crew;
        one->rng.state = i;
        for (size_t b = 0; b < BATCHES; b++)
            assert_ok(ikv_result_new(&one->results[b]), NULL);
        assert_int_equal(pthread_create(&one->thread, NULL, member_main, one), 0);
    }
}

static void crew_end(struct crew *crew)
{
    crew->role = NULL;
    (void)pthread_barrier_wait(&crew->begin);
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(crew->members[i].thread, NULL);
        for (size_t b = 0; b < BATCHES; b++)
            ikv_result_free(crew->members[i].results[b]);
    }
    (void)pthread_barrier_destroy(&crew->begin);
    (void)pthread_barrier_destroy(&crew->end);
}

/* Look up until the engine is closed. What is in memory can be looked up without it. */
static void look_up(member *self)
{
    bool closed = false;
    int code = 0;

    while (code == 0 && !(closed && ikv_result_stats(self->results[0])->mapped > 0)) {
        closed = atomic_load(&current.closed);
        code = ikv_get_many(current.store, world.keys, KEYS, NULL, self->results[0], NULL);
        judge(self->results[0], code);
    }
}

/* Submit with callbacks until the engine is closed. */
static void submit_with_callbacks(member *self)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;

    options.on_done = done;
    for (size_t b = 0; b < BATCHES; b++) {
        atomic_store(&self->calls[b], 0);
        options.user = &self->calls[b];
        const int code =
            ikv_submit(current.store, world.keys, KEYS, NULL, &options, self->results[b], NULL);
        if (code == 0)
            atomic_fetch_add(&current.submitted, 1);
        else if (code != IKV_E_CANCELED)
            atomic_fetch_add(&current.wrong, 1);
    }
}

static void free_while_busy(member *self)
{
    for (size_t b = 0; b < BATCHES; b++) {
        const int code =
            ikv_submit(current.store, world.keys, KEYS, NULL, NULL, self->results[b], NULL);
        if (code != 0 && code != IKV_E_CANCELED)
            atomic_fetch_add(&current.wrong, 1);
    }
    for (size_t b = 0; b < BATCHES; b++) {
        ikv_result_free(self->results[b]);
        if (ikv_result_new(&self->results[b]) != 0)
            atomic_fetch_add(&current.wrong, 1);
    }
}

static void linger(rng_state *rng)
{
    for (uint64_t i = rng_below(rng, 2000); i > 0; i--)
        atomic_signal_fence(memory_order_seq_cst);
    if (rng_below(rng, 2) == 0)
        (void)sched_yield();
}

static void cancel_at_random(member *self)
{
    for (size_t b = 0; b < BATCHES; b++)
        if (ikv_submit(current.store, world.keys, KEYS, NULL, NULL, self->results[b], NULL) != 0)
            atomic_fetch_add(&current.wrong, 1);
    linger(&self->rng);
    for (size_t b = 0; b < BATCHES; b++) {
        ikv_cancel(self->results[b]);
        judge(self->results[b], ikv_wait(self->results[b], NULL));
    }
}

/* ---------------------------------------------------------------- rounds */

enum ending { CLOSE_ENGINE_AT_ONCE, CLOSE_STORE };

static void check_callbacks(const struct crew *crew, unsigned submitted)
{
    unsigned calls = 0;

    for (size_t i = 0; i < THREADS; i++)
        for (size_t b = 0; b < BATCHES; b++) {
            const unsigned n = atomic_load(&crew->members[i].calls[b]);
            assert_true(n <= 1);
            calls += n;
        }
    assert_int_equal(calls, submitted);
}

static void run_rounds(member_role what, enum ending ending, uint32_t queue)
{
    const size_t rounds = test_scaled(ROUNDS);
    const size_t descriptors = process_descriptors();
    const size_t threads = process_threads();
    rng_state rng = {queue};
    size_t canceled = 0;
    struct crew crew;

    crew_begin(&crew, what);
    for (size_t i = 0; i < rounds; i++) {
        /* Rings cost milliseconds to make: a few rounds in a hundred. */
        const engine_way *way = &world.ways[i % 200 == 199 ? i / 200 % world.way_count : 0];
        memset(&current, 0, sizeof(current));
        current.engine = engine_make(1 + (uint32_t)(i % 2), 8, queue, 0);
        current.store = engine_open(world.path, IKV_KEY_U64, way, current.engine);
        (void)pthread_barrier_wait(&crew.begin);
        if (ending == CLOSE_ENGINE_AT_ONCE) {
            linger(&rng);
            ikv_engine_close(current.engine);
            atomic_store(&current.closed, true);
        }
        (void)pthread_barrier_wait(&crew.end);
        ikv_close(current.store);
        if (what == submit_with_callbacks)
            check_callbacks(&crew, atomic_load(&current.submitted));
        if (ending != CLOSE_ENGINE_AT_ONCE)
            ikv_engine_close(current.engine);
        assert_int_equal(atomic_load(&current.wrong), 0);
        canceled += atomic_load(&current.canceled);
    }
    crew_end(&crew);
    assert_int_equal(process_threads_down_to(threads), threads);
    assert_int_equal(process_descriptors(), descriptors);
    (void)printf("%zu rounds, %zu batches canceled\n", rounds, canceled);
}

static void engine_closed_while_callers_wait(void **state)
{
    (void)state;
    run_rounds(look_up, CLOSE_ENGINE_AT_ONCE, 0);
}

static void engine_closed_while_callers_wait_for_room(void **state)
{
    (void)state;
    run_rounds(look_up, CLOSE_ENGINE_AT_ONCE, 1);
}

static void engine_closed_with_submitted_batches(void **state)
{
    (void)state;
    run_rounds(submit_with_callbacks, CLOSE_ENGINE_AT_ONCE, 3);
}

static void store_closed_with_submitted_batches(void **state)
{
    (void)state;
    run_rounds(submit_with_callbacks, CLOSE_STORE, 0);
}

static void results_freed_while_busy(void **state)
{
    (void)state;
    run_rounds(free_while_busy, CLOSE_STORE, 0);
}

static void canceled_at_random(void **state)
{
    (void)state;
    run_rounds(cancel_at_random, CLOSE_STORE, 0);
}

/* ---------------------------------------------------------------- places in the queue */

/* One batch for each thread. */
static void look_up_once(member *self)
{
    const int code = ikv_get_many(current.store, world.keys, KEYS, NULL, self->results[0], NULL);

    judge(self->results[0], code);
    if (code != 0)
        atomic_fetch_add(&current.wrong, 1);
}

/* The queue is full of batches that end together, while callers wait for their places: everyone who
 * waits finds one, though nothing else comes that could wake them. */
static void places_that_get_free_together(void **state)
{
    const engine_way pread_way = {"pread", IKV_BACKEND_PREAD, 0};
    ikv_result *holders[2];
    struct crew crew;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_ok(ikv_result_new(&holders[i]), NULL);
    crew_begin(&crew, look_up_once);
    memset(&current, 0, sizeof(current));
    current.engine = engine_make(2, 0, 2, 0);
    current.store = engine_open(world.path, IKV_KEY_U64, &pread_way, current.engine);
    for (size_t n = test_scaled(3000); n > 0; n--) {
        test_gate gate;
        gate_init(&gate);
        const ikv_get_options options = gate_get_options(&gate);
        for (size_t i = 0; i < 2; i++)
            assert_ok(ikv_submit(current.store, world.model.sorted[0]->key, 1, &options, NULL,
                                 holders[i], NULL),
                      NULL);
        gate_wait_held(&gate, 1);
        (void)pthread_barrier_wait(&crew.begin);
        (void)sched_yield();
        gate_set(&gate, 1);
        (void)pthread_barrier_wait(&crew.end);
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(ikv_wait(holders[i], NULL), 0);
        gate_destroy(&gate);
        assert_int_equal(atomic_load(&current.wrong), 0);
    }
    crew_end(&crew);
    ikv_close(current.store);
    ikv_engine_close(current.engine);
    for (size_t i = 0; i < 2; i++)
        ikv_result_free(holders[i]);
}

static int group_setup(void **state)
{
    rng_state rng = {7};
    size_t count;

    (void)state;
    tmpdir_make(&world.directory);
    world.path = tmpdir_file(&world.directory, "store");
    engine_fill(world.path, IKV_KEY_U64, 0, 2000, MODEL_SIZES_SMALL, 1, &world.model);
    ikv_engine_close(
        engine_make(1, 0, 0, 0)); /* some thread of a sanitizer's comes with the first */
    world.way_count = engine_ways(world.path, IKV_KEY_U64, world.ways);
    unsigned char *keys = batch_keys(&world.model, &rng, BATCH_MIXED, KEYS, &count);
    memcpy(world.keys, keys, sizeof(world.keys));
    free(keys);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    model_free(&world.model);
    free(world.path);
    tmpdir_remove(&world.directory);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_that_get_free_together),
        cmocka_unit_test(engine_closed_while_callers_wait),
        cmocka_unit_test(engine_closed_while_callers_wait_for_room),
        cmocka_unit_test(engine_closed_with_submitted_batches),
        cmocka_unit_test(store_closed_with_submitted_batches),
        cmocka_unit_test(results_freed_while_busy),
        cmocka_unit_test(canceled_at_random),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
