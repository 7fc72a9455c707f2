/* Submitted batches: waiting for them, calls made from their callbacks, and full queues. */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "gate.h"
#include "platform.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE 500 /* keys, more than the calling thread looks up without the workers */

static const open_mode pread_mode = {"pread", IKV_BACKEND_PREAD, 0};

static store_fixture fixture;
static ikv_engine *engine;
static ikv_store *store;

static int group_setup(void **state)
{
    (void)state;
    store_fixture_make(&fixture, 3000, MODEL_SIZES_SMALL, BATCH_EMPTY, 0);
    engine = engine_make(2, 0, 2, 0);
    store = engine_open(fixture.path, IKV_KEY_U64, &pread_mode, engine);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    ikv_close(store);
    ikv_engine_close(engine);
    store_fixture_free(&fixture);
    return 0;
}

static ikv_result *new_result(void)
{
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    return result;
}

static void submit(const void *keys, size_t count, const ikv_submit_options *options,
                   ikv_result *result)
{
    ikv_error err;

    assert_ok(ikv_submit(store, keys, count, NULL, options, result, &err), &err);
}

/* ---------------------------------------------------------------- empty batches */

static int count_value(void *user, size_t index, const ikv_item *item)
{
    (void)index;
    (void)item;
    atomic_fetch_add((atomic_uint *)user, 1);
    return 0;
}

/* On a new result, and on one that still contains a batch of another store. */
static void empty_batches_complete(void **state)
{
    ikv_get_options each = IKV_GET_OPTIONS_INIT;
    ikv_submit_options submit_options = IKV_SUBMIT_OPTIONS_INIT;
    ikv_result *result = new_result();
    atomic_uint calls = 0;
    rng_state rng = {2};
    size_t count;

    (void)state;
    each.on_value = count_value;
    each.user = &calls;
    submit(NULL, 0, NULL, result);
    assert_int_equal(ikv_wait(result, NULL), 0);
    assert_int_equal(ikv_result_count(result), 0);

    ikv_store *other = engine_open(fixture.path, IKV_KEY_U64, &pread_mode, engine);
    unsigned char *keys = batch_keys(&fixture.model, &rng, BATCH_ALL, 0, &count);
    ikv_error err;
    assert_ok(ikv_get_many(other, keys, count, &each, result, &err), &err);
    assert_int_equal(atomic_load(&calls), count);
    ikv_close(other);
    free(keys);

    submit(NULL, 0, NULL, result);
    assert_int_equal(ikv_wait(result, NULL), 0);
    assert_int_equal(ikv_result_count(result), 0);
    assert_int_equal(ikv_result_stats(result)->found, 0);
    assert_int_equal(atomic_load(&calls), count);

    /* The result of a canceled batch can be reused as well. */
    keys = batch_keys(&fixture.model, &rng, BATCH_ALL, 0, &count);
    submit(keys, count, NULL, result);
    ikv_cancel(result);
    int code = ikv_wait(result, NULL);
    assert_true(code == 0 || code == IKV_E_CANCELED);
    submit_options.flags = IKV_SUBMIT_NONBLOCK;
    submit(NULL, 0, &submit_options, result);
    assert_int_equal(ikv_wait(result, NULL), 0);
    free(keys);
    ikv_result_free(result);
}

/* ---------------------------------------------------------------- in a callback */

/* A batch that its own callback submits again, `left` times in all. */
typedef struct resubmission {
    test_gate end;
    unsigned char *keys;
    size_t count;
    unsigned left;
    unsigned wrong;
    int free_result; /* in the last callback */
} resubmission;

static void submit_again(void *user, ikv_result *result, int code)
{
    resubmission *r = user;
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;

    if (code != 0 || !batch_is_right(&fixture.model, r->keys, r->count, IKV_EXACT, result))
        r->wrong++;
    /* Refused: a worker would wait for a batch that needs the workers. */
    if (ikv_get_many(store, r->keys, r->count, NULL, result, NULL) != IKV_E_STATE ||
        ikv_result_count(result) != 0 || ikv_result_code(result) != IKV_E_STATE)
        r->wrong++;
    if (ikv_wait(result, NULL) != IKV_E_STATE)
        r->wrong++;
    options.on_done = submit_again;
    options.user = r;
    if (--r->left > 0) {
        if (ikv_submit(store, r->keys, r->count, NULL, &options, result, NULL) == 0)
            return;
        r->wrong++;
    }
    if (r->free_result)
        ikv_result_free(result);
    gate_pass(&r->end);
}

static void resubmit_and_free_in_callback(void **state)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    rng_state rng = {3};

    (void)state;
    for (int free_result = 0; free_result <= 1; free_result++) {
        resubmission r = {.left = (unsigned)test_scaled(2000) + 1, .free_result = free_result};
        ikv_result *result = new_result();

        gate_init(&r.end);
        r.keys = batch_keys(&fixture.model, &rng, BATCH_MIXED, LARGE, &r.count);
        options.on_done = submit_again;
        options.user = &r;
        submit(r.keys, r.count, &options, result);
        gate_wait_held(&r.end, 1);
        assert_int_equal(r.wrong, 0);
        gate_set(&r.end, 1);
        if (!free_result)
            ikv_result_free(result);
        free(r.keys);
        ikv_close(store); /* returns after the last callback has */
        gate_destroy(&r.end);
        store = engine_open(fixture.path, IKV_KEY_U64, &pread_mode, engine);
    }
}

/* ---------------------------------------------------------------- full queues, busy results */

static void ignore_done(void *user, ikv_result *result, int code)
{
    (void)user;
    (void)result;
    (void)code;
}

static void full_queues(void **state)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    ikv_result *held[2] = {new_result(), new_result()};
    ikv_result *result = new_result();
    const void *key = fixture.model.sorted[0]->key;
    test_gate gate;
    ikv_engine_info info;
    ikv_error err;

    (void)state;
    gate_init(&gate);
    const ikv_get_options get = gate_get_options(&gate);
    options.flags = IKV_SUBMIT_NONBLOCK;
    for (size_t i = 0; i < 2; i++)
        assert_ok(ikv_submit(store, key, 1, &get, &options, held[i], &err), &err);
    ikv_engine_get_info(engine, &info);
    assert_int_equal(info.max_batches, 2);
    assert_int_equal(info.batches, 2);
    for (size_t count = 0; count <= 1; count++) {
        assert_failed(ikv_submit(store, key, count, NULL, &options, result, &err), -EAGAIN, &err,
                      fixture.path);
        assert_int_equal(ikv_result_code(result), -EAGAIN);
        assert_int_equal(ikv_result_count(result), 0);
        assert_int_equal(ikv_wait(result, NULL), IKV_E_STATE);
    }

    /* Calls with a busy result fail and do not change it. */
    gate_wait_held(&gate, 1);
    assert_failed(ikv_submit(store, key, 1, NULL, &options, held[0], &err), IKV_E_STATE, &err,
                  NULL);
    assert_failed(ikv_get_many(store, key, 1, NULL, held[0], &err), IKV_E_STATE, &err, NULL);
    ikv_result_clear(held[0]);
    gate_set(&gate, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(ikv_wait(held[i], &err), &err);
        assert_int_equal(ikv_result_stats(held[i])->found, 1);
        ikv_result_free(held[i]);
    }
    assert_ok(ikv_submit(store, key, 1, NULL, &options, result, &err), &err);
    assert_ok(ikv_wait(result, &err), &err);
    assert_item(&fixture.model, key, IKV_EXACT, ikv_result_items(result));

    options.on_done = ignore_done;
    assert_ok(ikv_completions_new(&options.completions, &err), &err);
    assert_failed(ikv_submit(store, key, 1, NULL, &options, result, &err), IKV_E_INVALID, &err,
                  NULL);
    ikv_completions_free(options.completions);
    options.completions = NULL;
    options.flags = 2;
    assert_failed(ikv_submit(store, key, 1, NULL, &options, result, &err), IKV_E_INVALID, &err,
                  NULL);
    ikv_result_free(result);
    gate_destroy(&gate);
}

/* ---------------------------------------------------------------- signals */

/* A program may block a signal to wait for it. A worker that received it instead would end the
 * process. */
static void workers_receive_no_signals(void **state)
{
    ikv_engine *idle = engine_make(4, 0, 0, 0);
    sigset_t user;
    sigset_t before;

    (void)state;
    (void)sigemptyset(&user);
    (void)sigaddset(&user, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &user, &before), 0);
    assert_int_equal(sigismember(&before, SIGUSR1), 0); /* so the workers did not inherit it */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_true(test_take_signal(SIGUSR1));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    ikv_engine_close(idle);
}

/* ---------------------------------------------------------------- closing a store */

struct endless {
    ikv_store *store;
    unsigned char *keys;
    size_t count;
    atomic_uint batches;
    atomic_int last; /* code of the submission that failed */
};

static void submit_endlessly(void *user, ikv_result *result, int code)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    struct endless *endless = user;

    atomic_fetch_add(&endless->batches, 1);
    options.on_done = submit_endlessly;
    options.user = endless;
    code = ikv_submit(endless->store, endless->keys, endless->count, NULL, &options, result, NULL);
    if (code < 0) {
        atomic_store(&endless->last, code);
        ikv_result_free(result);
    }
}

/* ikv_close must return even if every callback submits another batch. */
static void close_ends_endless_submissions(void **state)
{
    (void)state;
    for (size_t round = 0; round < test_scaled(40); round++) {
        ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
        struct endless endless = {.last = 0};
        rng_state rng = {round};
        ikv_error err;

        endless.store = engine_open(fixture.path, IKV_KEY_U64, &pread_mode, engine);
        endless.keys = batch_keys(&fixture.model, &rng, BATCH_MIXED, 70, &endless.count);
        options.on_done = submit_endlessly;
        options.user = &endless;
        assert_ok(ikv_submit(endless.store, endless.keys, endless.count, NULL, &options,
                             new_result(), &err),
                  &err);
        while (atomic_load(&endless.batches) < round % 5)
            (void)sched_yield();
        ikv_close(endless.store);
        assert_int_equal(atomic_load(&endless.last), IKV_E_CANCELED);
        free(endless.keys);
    }
}

/* ---------------------------------------------------------------- closing an engine */

struct closing {
    ikv_store *store;
    const unsigned char *keys;
    atomic_bool is_queued; /* the batch that waits behind the first one */
    atomic_bool is_closed; /* the engine refused a batch */
    ikv_result *last;      /* of the batch that waits behind the first one */
    int submitted;
};

/* Hold the worker up until the engine is being closed. */
static int wait_for_closing(void *user, size_t index, const ikv_item *item)
{
    struct closing *closing = user;

    (void)index;
    (void)item;
    while (!atomic_load(&closing->is_closed))
        (void)sched_yield();
    return 0;
}

/* Two batches fill the queue. Another one waits for room, which only closing ends. */
static void *submit_until_closed(void *user)
{
    struct closing *closing = user;
    ikv_result *refused = new_result();

    closing->submitted =
        ikv_submit(closing->store, closing->keys, LARGE, NULL, NULL, closing->last, NULL);
    atomic_store(&closing->is_queued, true);
    if (closing->submitted == 0 &&
        ikv_submit(closing->store, closing->keys, LARGE, NULL, NULL, refused, NULL) == 0)
        closing->submitted = -1;
    ikv_result_free(refused);
    atomic_store(&closing->is_closed, true);
    return NULL;
}

static void closing_cancels_batches(void **state)
{
    ikv_engine *own = engine_make(1, 0, 2, 0);
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_result *first = new_result();
    rng_state rng = {7};
    size_t count;
    unsigned char *keys = batch_keys(&fixture.model, &rng, BATCH_ALL, 0, &count);
    struct closing closing = {.keys = keys, .last = new_result()};
    pthread_t thread;
    ikv_error err;

    (void)state;
    assert_true(count >= LARGE);
    closing.store = engine_open(fixture.path, IKV_KEY_U64, &pread_mode, own);
    options.on_value = wait_for_closing;
    options.user = &closing;
    assert_ok(ikv_submit(closing.store, keys, count, &options, NULL, first, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, submit_until_closed, &closing), 0);
    while (!atomic_load(&closing.is_queued))
        (void)sched_yield();
    ikv_engine_close(own);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(closing.submitted, 0);
    /* A batch all of whose reads were planned before it was canceled finishes. */
    const int code = ikv_wait(first, NULL);
    assert_true(code == 0 || code == IKV_E_CANCELED);
    assert_int_equal(ikv_wait(closing.last, NULL), IKV_E_CANCELED);
    ikv_result_free(first);
    ikv_result_free(closing.last);
    ikv_close(closing.store);
    free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_batches_complete),
        cmocka_unit_test(resubmit_and_free_in_callback),
        cmocka_unit_test(full_queues),
        cmocka_unit_test(workers_receive_no_signals),
        cmocka_unit_test(close_ends_endless_submissions),
        cmocka_unit_test(closing_cancels_batches),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
