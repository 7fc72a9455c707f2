/* Submitted batches: each way of making an end known, what may be done in a callback, full queues.
 */
#include "indexkv.h"

#include "engines.h"
#include "gate.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE 500 /* keys: more than the calling thread looks up by itself */

static const engine_way pread_way = {"pread", IKV_BACKEND_PREAD, 0};

static struct world {
    tmpdir directory;
    char *path;
    store_model model;
    ikv_engine *engine;
    ikv_store *store;
} world;

static int group_setup(void **state)
{
    (void)state;
    tmpdir_make(&world.directory);
    world.path = tmpdir_file(&world.directory, "store");
    engine_fill(world.path, IKV_KEY_U64, 0, 3000, MODEL_SIZES_SMALL, 1, &world.model);
    world.engine = engine_make(2, 0, 2, 0);
    world.store = engine_open(world.path, IKV_KEY_U64, &pread_way, world.engine);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    ikv_close(world.store);
    ikv_engine_close(world.engine);
    model_free(&world.model);
    free(world.path);
    tmpdir_remove(&world.directory);
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

    assert_ok(ikv_submit(world.store, keys, count, NULL, options, result, &err), &err);
}

/* ---------------------------------------------------------------- empty batches */

static int any_value(void *user, size_t index, const ikv_item *item)
{
    (void)index;
    (void)item;
    atomic_fetch_add((atomic_uint *)user, 1);
    return 0;
}

/* Of a new result, and of one that a batch of another store left something in. */
static void empty_batches_complete(void **state)
{
    ikv_get_options each = IKV_GET_OPTIONS_INIT;
    ikv_submit_options submit_options = IKV_SUBMIT_OPTIONS_INIT;
    ikv_result *result = new_result();
    atomic_uint calls = 0;
    rng_state rng = {2};
    size_t count;

    (void)state;
    each.on_value = any_value;
    each.user = &calls;
    submit(NULL, 0, NULL, result);
    assert_int_equal(ikv_wait(result, NULL), 0);
    assert_int_equal(ikv_result_count(result), 0);

    ikv_store *other = engine_open(world.path, IKV_KEY_U64, &pread_way, world.engine);
    unsigned char *keys = batch_keys(&world.model, &rng, BATCH_ALL, 0, &count);
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

    /* One that was canceled leaves nothing behind, either. */
    keys = batch_keys(&world.model, &rng, BATCH_ALL, 0, &count);
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

/* A batch that is submitted again from its own callback, so often. */
typedef struct chain {
    test_gate end;
    unsigned char *keys;
    size_t count;
    unsigned left;
    unsigned wrong;
    int frees; /* the last callback frees the result */
} chain;

static void next_link(void *user, ikv_result *result, int code)
{
    chain *c = user;
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;

    if (code != 0 || !batch_is_right(&world.model, c->keys, c->count, IKV_EXACT, result))
        c->wrong++;
    /* A batch for the workers would be waited for by one of them. */
    if (ikv_get_many(world.store, c->keys, c->count, NULL, result, NULL) != IKV_E_STATE ||
        ikv_result_count(result) != 0 || ikv_result_code(result) != IKV_E_STATE)
        c->wrong++;
    if (ikv_wait(result, NULL) != IKV_E_STATE)
        c->wrong++;
    options.on_done = next_link;
    options.user = c;
    if (--c->left > 0) {
        if (ikv_submit(world.store, c->keys, c->count, NULL, &options, result, NULL) == 0)
            return;
        c->wrong++;
    }
    if (c->frees)
        ikv_result_free(result);
    gate_pass(&c->end);
}

static void resubmitted_and_freed_in_callbacks(void **state)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    rng_state rng = {3};

    (void)state;
    for (int frees = 0; frees <= 1; frees++) {
        chain c = {.left = (unsigned)test_scaled(2000) + 1, .frees = frees};
        ikv_result *result = new_result();

        gate_init(&c.end);
        c.keys = batch_keys(&world.model, &rng, BATCH_MIXED, LARGE, &c.count);
        options.on_done = next_link;
        options.user = &c;
        submit(c.keys, c.count, &options, result);
        gate_wait_held(&c.end, 1);
        assert_int_equal(c.wrong, 0);
        gate_set(&c.end, 1);
        if (!frees)
            ikv_result_free(result);
        free(c.keys);
        ikv_close(world.store); /* the last callback has returned */
        gate_destroy(&c.end);
        world.store = engine_open(world.path, IKV_KEY_U64, &pread_way, world.engine);
    }
}

/* ---------------------------------------------------------------- full queues, busy results */

static void expect_again(void *user, ikv_result *result, int code)
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
    const void *key = world.model.sorted[0]->key;
    test_gate gate;
    ikv_engine_info info;
    ikv_error err;

    (void)state;
    gate_init(&gate);
    const ikv_get_options get = gate_get_options(&gate);
    options.flags = IKV_SUBMIT_NONBLOCK;
    for (size_t i = 0; i < 2; i++)
        assert_ok(ikv_submit(world.store, key, 1, &get, &options, held[i], &err), &err);
    ikv_engine_get_info(world.engine, &info);
    assert_int_equal(info.max_batches, 2);
    assert_int_equal(info.batches, 2);
    for (size_t count = 0; count <= 1; count++) {
        assert_failed(ikv_submit(world.store, key, count, NULL, &options, result, &err), -EAGAIN,
                      &err, world.path);
        assert_int_equal(ikv_result_code(result), -EAGAIN);
        assert_int_equal(ikv_result_count(result), 0);
        assert_int_equal(ikv_wait(result, NULL), IKV_E_STATE);
    }

    /* A busy result is refused, and left alone. */
    gate_wait_held(&gate, 1);
    assert_failed(ikv_submit(world.store, key, 1, NULL, &options, held[0], &err), IKV_E_STATE, &err,
                  NULL);
    assert_failed(ikv_get_many(world.store, key, 1, NULL, held[0], &err), IKV_E_STATE, &err, NULL);
    ikv_result_clear(held[0]);
    gate_set(&gate, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(ikv_wait(held[i], &err), &err);
        assert_int_equal(ikv_result_stats(held[i])->found, 1);
        ikv_result_free(held[i]);
    }
    assert_ok(ikv_submit(world.store, key, 1, NULL, &options, result, &err), &err);
    assert_ok(ikv_wait(result, &err), &err);
    assert_item(&world.model, key, IKV_EXACT, ikv_result_items(result));

    options.on_done = expect_again;
    assert_ok(ikv_completions_new(&options.completions, &err), &err);
    assert_failed(ikv_submit(world.store, key, 1, NULL, &options, result, &err), IKV_E_INVALID,
                  &err, NULL);
    ikv_completions_free(options.completions);
    options.completions = NULL;
    options.flags = 2;
    assert_failed(ikv_submit(world.store, key, 1, NULL, &options, result, &err), IKV_E_INVALID,
                  &err, NULL);
    ikv_result_free(result);
    gate_destroy(&gate);
}

/* ---------------------------------------------------------------- signals */

/* A signal that the program has blocked to wait for it stays for the program: a worker that took it
 * would end the process. */
static void signals_are_not_for_workers(void **state)
{
    const struct timespec patience = {.tv_sec = 10};
    ikv_engine *engine = engine_make(4, 0, 0, 0);
    sigset_t user;
    sigset_t before;

    (void)state;
    (void)sigemptyset(&user);
    (void)sigaddset(&user, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &user, &before), 0);
    assert_int_equal(sigismember(&before, SIGUSR1), 0); /* as it was when the workers began */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(sigtimedwait(&user, NULL, &patience), SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    ikv_engine_close(engine);
}

/* ---------------------------------------------------------------- a store that is closed */

struct endless {
    ikv_store *store;
    unsigned char *keys;
    size_t count;
    atomic_uint batches;
    atomic_int last; /* what submitting once more failed with */
};

static void once_more(void *user, ikv_result *result, int code)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    struct endless *endless = user;

    atomic_fetch_add(&endless->batches, 1);
    options.on_done = once_more;
    options.user = endless;
    code = ikv_submit(endless->store, endless->keys, endless->count, NULL, &options, result, NULL);
    if (code < 0) {
        atomic_store(&endless->last, code);
        ikv_result_free(result);
    }
}

/* Its callbacks submit another batch each time: closing must come to an end all the same. */
static void closing_ends_what_callbacks_keep_going(void **state)
{
    (void)state;
    for (size_t round = 0; round < test_scaled(40); round++) {
        ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
        struct endless endless = {.last = 0};
        rng_state rng = {round};
        ikv_error err;

        endless.store = engine_open(world.path, IKV_KEY_U64, &pread_way, world.engine);
        endless.keys = batch_keys(&world.model, &rng, BATCH_MIXED, 70, &endless.count);
        options.on_done = once_more;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_batches_complete),
        cmocka_unit_test(resubmitted_and_freed_in_callbacks),
        cmocka_unit_test(full_queues),
        cmocka_unit_test(signals_are_not_for_workers),
        cmocka_unit_test(closing_ends_what_callbacks_keep_going),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
