/*
 * Engines, stores and results that are closed or freed while other threads use them. Barriers start
 * the threads of each short round together, so thousands of rounds are possible. A call that never
 * returns runs into the time limit of the test; wrong answers and repeated callbacks are counted.
 */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "gate.h"
#include "platform.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 3
#define BATCHES 4    /* submitted by each thread in a round */
#define KEYS    100  /* more than the calling thread looks up without the workers */
#define ROUNDS  1000 /* INDEXKV_TEST_SCALE=10, 10,000 rounds, takes a minute */

static store_fixture fixture;

/* State of the current round. */
static struct round {
    ikv_engine *engine;
    ikv_store *store;
    atomic_uint wrong; /* answers that are neither right nor canceled */
    atomic_uint submitted;
    atomic_uint canceled;
    atomic_bool engine_closed;
} current;

/* ---------------------------------------------------------------- results of a batch */

static void check_result(const ikv_result *result, int code)
{
    const int good = code == IKV_E_CANCELED ? ikv_result_count(result) == 0
                                            : code == 0 && fixture_is_right(&fixture, result);

    if (!good || ikv_result_code(result) != code)
        atomic_fetch_add(&current.wrong, 1);
    if (code == IKV_E_CANCELED)
        atomic_fetch_add(&current.canceled, 1);
}

static void done(void *user, ikv_result *result, int code)
{
    check_result(result, code);
    atomic_fetch_add((atomic_uint *)user, 1);
}

/* ---------------------------------------------------------------- actions of the threads */

typedef struct team_thread {
    pthread_t thread;
    struct team *team;
    rng_state rng;
    ikv_result *results[BATCHES];
    atomic_uint calls[BATCHES]; /* to the callback of each batch */
} team_thread;

typedef void (*team_action)(team_thread *self);

struct team {
    struct test_barrier begin;
    struct test_barrier end;
    team_action action; /* NULL tells the threads to end */
    team_thread threads[THREADS];
};

static void *team_thread_main(void *argument)
{
    team_thread *self = argument;

    for (;;) {
        test_barrier_wait(&self->team->begin);
        if (self->team->action == NULL)
            return NULL;
        self->team->action(self);
        test_barrier_wait(&self->team->end);
    }
}

static void team_start(struct team *team, team_action action)
{
    memset(team, 0, sizeof(*team));
    team->action = action;
    (void)test_barrier_init(&team->begin, THREADS + 1);
    (void)test_barrier_init(&team->end, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) {
        team_thread *thread = &team->threads[i];

        thread->team = team;
        thread->rng.state = i;
        for (size_t b = 0; b < BATCHES; b++)
            assert_ok(ikv_result_new(&thread->results[b]), NULL);
        assert_int_equal(pthread_create(&thread->thread, NULL, team_thread_main, thread), 0);
    }
}

static void team_stop(struct team *team)
{
    team->action = NULL;
    test_barrier_wait(&team->begin);
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(team->threads[i].thread, NULL);
        for (size_t b = 0; b < BATCHES; b++)
            ikv_result_free(team->threads[i].results[b]);
    }
    test_barrier_destroy(&team->begin);
    test_barrier_destroy(&team->end);
}

/* Look up until the engine is closed. Lookups answered from memory succeed without it. */
static void look_up(team_thread *self)
{
    bool closed = false;
    int code = 0;

    while (code == 0 && !(closed && ikv_result_stats(self->results[0])->mapped > 0)) {
        closed = atomic_load(&current.engine_closed);
        code = ikv_get_many(current.store, fixture.keys, KEYS, NULL, self->results[0], NULL);
        check_result(self->results[0], code);
    }
}

static void submit_with_callbacks(team_thread *self)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;

    options.on_done = done;
    for (size_t b = 0; b < BATCHES; b++) {
        atomic_store(&self->calls[b], 0);
        options.user = &self->calls[b];
        const int code =
            ikv_submit(current.store, fixture.keys, KEYS, NULL, &options, self->results[b], NULL);
        if (code == 0)
            atomic_fetch_add(&current.submitted, 1);
        else if (code != IKV_E_CANCELED)
            atomic_fetch_add(&current.wrong, 1);
    }
}

static void free_while_busy(team_thread *self)
{
    for (size_t b = 0; b < BATCHES; b++) {
        const int code =
            ikv_submit(current.store, fixture.keys, KEYS, NULL, NULL, self->results[b], NULL);
        if (code != 0 && code != IKV_E_CANCELED)
            atomic_fetch_add(&current.wrong, 1);
    }
    for (size_t b = 0; b < BATCHES; b++) {
        ikv_result_free(self->results[b]);
        if (ikv_result_new(&self->results[b]) != 0)
            atomic_fetch_add(&current.wrong, 1);
    }
}

/* Pass a random amount of time. */
static void delay(rng_state *rng)
{
    for (uint64_t i = rng_below(rng, 2000); i > 0; i--)
        atomic_signal_fence(memory_order_seq_cst);
    if (rng_below(rng, 2) == 0)
        (void)sched_yield();
}

static void cancel_at_random(team_thread *self)
{
    for (size_t b = 0; b < BATCHES; b++)
        if (ikv_submit(current.store, fixture.keys, KEYS, NULL, NULL, self->results[b], NULL) != 0)
            atomic_fetch_add(&current.wrong, 1);
    delay(&self->rng);
    for (size_t b = 0; b < BATCHES; b++) {
        ikv_cancel(self->results[b]);
        check_result(self->results[b], ikv_wait(self->results[b], NULL));
    }
}

/* ---------------------------------------------------------------- rounds */

/* What the main thread closes in each round: the engine while the team works, or the store after.
 */
enum ending { CLOSE_ENGINE_AT_ONCE, CLOSE_STORE };

static void check_callbacks(const struct team *team, unsigned submitted)
{
    unsigned calls = 0;

    for (size_t i = 0; i < THREADS; i++)
        for (size_t b = 0; b < BATCHES; b++) {
            const unsigned n = atomic_load(&team->threads[i].calls[b]);
            assert_true(n <= 1);
            calls += n;
        }
    assert_int_equal(calls, submitted);
}

static void run_rounds(team_action action, enum ending ending, uint32_t queue)
{
    const size_t rounds = test_scaled(ROUNDS);
    const process_usage before = process_usage_now();
    rng_state rng = {queue};
    size_t canceled = 0;
    struct team team;

    team_start(&team, action);
    for (size_t i = 0; i < rounds; i++) {
        /* Setting up rings takes milliseconds, so only one round in 200 may use them. */
        const open_mode *mode = &fixture.modes[i % 200 == 199 ? i / 200 % fixture.mode_count : 0];
        memset(&current, 0, sizeof(current));
        current.engine = engine_make(1 + (uint32_t)(i % 2), 8, queue, 0);
        current.store = engine_open(fixture.path, IKV_KEY_U64, mode, current.engine);
        test_barrier_wait(&team.begin);
        if (ending == CLOSE_ENGINE_AT_ONCE) {
            delay(&rng);
            ikv_engine_close(current.engine);
            atomic_store(&current.engine_closed, true);
        }
        test_barrier_wait(&team.end);
        ikv_close(current.store);
        if (action == submit_with_callbacks)
            check_callbacks(&team, atomic_load(&current.submitted));
        if (ending != CLOSE_ENGINE_AT_ONCE)
            ikv_engine_close(current.engine);
        assert_int_equal(atomic_load(&current.wrong), 0);
        canceled += atomic_load(&current.canceled);
    }
    team_stop(&team);
    assert_process_usage(before);
    (void)printf("%zu rounds, %zu batches canceled\n", rounds, canceled);
}

static void close_engine_while_callers_wait(void **state)
{
    (void)state;
    run_rounds(look_up, CLOSE_ENGINE_AT_ONCE, 0);
}

static void close_engine_while_queue_is_full(void **state)
{
    (void)state;
    run_rounds(look_up, CLOSE_ENGINE_AT_ONCE, 1);
}

static void close_engine_with_submitted_batches(void **state)
{
    (void)state;
    run_rounds(submit_with_callbacks, CLOSE_ENGINE_AT_ONCE, 3);
}

static void close_store_with_submitted_batches(void **state)
{
    (void)state;
    run_rounds(submit_with_callbacks, CLOSE_STORE, 0);
}

static void free_busy_results(void **state)
{
    (void)state;
    run_rounds(free_while_busy, CLOSE_STORE, 0);
}

static void cancel_at_random_times(void **state)
{
    (void)state;
    run_rounds(cancel_at_random, CLOSE_STORE, 0);
}

/* ---------------------------------------------------------------- places in the queue */

static void look_up_once(team_thread *self)
{
    const int code = ikv_get_many(current.store, fixture.keys, KEYS, NULL, self->results[0], NULL);

    check_result(self->results[0], code);
    if (code != 0)
        atomic_fetch_add(&current.wrong, 1);
}

/* The queue is full of batches that end together while several callers wait for a place. Each
 * waiting caller must be woken, as nothing else happens that could wake it. */
static void every_waiting_caller_gets_a_place(void **state)
{
    const open_mode pread_mode = {"pread", IKV_BACKEND_PREAD, 0};
    ikv_result *holders[2];
    struct team team;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_ok(ikv_result_new(&holders[i]), NULL);
    team_start(&team, look_up_once);
    memset(&current, 0, sizeof(current));
    current.engine = engine_make(2, 0, 2, 0);
    current.store = engine_open(fixture.path, IKV_KEY_U64, &pread_mode, current.engine);
    for (size_t n = test_scaled(3000); n > 0; n--) {
        test_gate gate;
        gate_init(&gate);
        const ikv_get_options options = gate_get_options(&gate);
        for (size_t i = 0; i < 2; i++)
            assert_ok(ikv_submit(current.store, fixture.model.sorted[0]->key, 1, &options, NULL,
                                 holders[i], NULL),
                      NULL);
        gate_wait_held(&gate, 1);
        test_barrier_wait(&team.begin);
        (void)sched_yield();
        gate_set(&gate, 1);
        test_barrier_wait(&team.end);
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(ikv_wait(holders[i], NULL), 0);
        gate_destroy(&gate);
        assert_int_equal(atomic_load(&current.wrong), 0);
    }
    team_stop(&team);
    ikv_close(current.store);
    ikv_engine_close(current.engine);
    for (size_t i = 0; i < 2; i++)
        ikv_result_free(holders[i]);
}

static int group_setup(void **state)
{
    (void)state;
    store_fixture_make(&fixture, 2000, MODEL_SIZES_SMALL, BATCH_MIXED, KEYS);
    ikv_engine_close(engine_make(1, 0, 0, 0)); /* a sanitizer may start its own thread with it */
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    store_fixture_free(&fixture);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_waiting_caller_gets_a_place),
        cmocka_unit_test(close_engine_while_callers_wait),
        cmocka_unit_test(close_engine_while_queue_is_full),
        cmocka_unit_test(close_engine_with_submitted_batches),
        cmocka_unit_test(close_store_with_submitted_batches),
        cmocka_unit_test(free_busy_results),
        cmocka_unit_test(cancel_at_random_times),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
