/*
 * Fairness: a small batch on the same worker as huge ones is done long before them. Nothing is
 * timed. The callback of the huge batches blocks until the small batch has been submitted, then
 * counts the values that are delivered before the small batch is done.
 */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "gate.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SMALL    2u
#define PAIRS    1200000u    /* more than 64 shards of 16,384 keys */
#define ALLOWED  (PAIRS / 2) /* two windows full of reads, each with thousands of values */
#define HUGE_MAX 3u

static char *path;
static uint64_t *keys;

/* Keys are 3, 6, 9, ..., too many for a model. The value of a key is its complement. */
static uint64_t key_of(size_t i)
{
    return 3 * (uint64_t)i + 3;
}

static int next_pair(void *user, ikv_pair *pair)
{
    static uint64_t key;
    static uint64_t value;
    size_t *next = user;

    if (*next == PAIRS)
        return 0;
    key = key_of((*next)++);
    value = ~key;
    *pair = (ikv_pair){&key, &value, sizeof(value)};
    return 1;
}

static int group_setup(void **state)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    size_t next = 0;
    ikv_error err;

    (void)group_dir_setup(state);
    path = tmpdir_file(&group_dir, "store");
    assert_ok(ikv_build(path, &options, next_pair, &next, NULL, &err), &err);
    keys = must_malloc(PAIRS * sizeof(*keys));
    for (size_t i = 0; i < PAIRS; i++)
        keys[i] = key_of(i);
    return 0;
}

static int group_teardown(void **state)
{
    free(keys);
    free(path);
    return group_dir_teardown(state);
}

/* ---------------------------------------------------------------- the huge batch */

typedef struct huge_batch {
    test_gate gate;
    size_t stop_at; /* number of values delivered before the gate */
    atomic_size_t values;
    atomic_size_t wrong;
    size_t values_at_small; /* delivered when the small batch was done */
} huge_batch;

static int huge_value(void *user, size_t index, const ikv_item *item)
{
    huge_batch *huge = user;
    uint64_t value = 0;

    if (atomic_fetch_add(&huge->values, 1) == huge->stop_at)
        gate_pass(&huge->gate);
    if (item->size == sizeof(value))
        memcpy(&value, item->value, sizeof(value));
    if (value != ~keys[index])
        atomic_fetch_add(&huge->wrong, 1);
    return 0;
}

static void small_done(void *user, ikv_result *result, int code)
{
    huge_batch *huge = user;
    const ikv_item *items = ikv_result_items(result);

    huge->values_at_small = atomic_load(&huge->values);
    for (size_t i = 0; i < SMALL; i++) {
        uint64_t key;
        uint64_t value;

        if (code != 0 || items[i].status != IKV_FOUND || items[i].size != sizeof(value)) {
            atomic_fetch_add(&huge->wrong, 1);
            return;
        }
        memcpy(&key, items[i].key, sizeof(key));
        memcpy(&value, items[i].value, sizeof(value));
        if (value != ~key)
            atomic_fetch_add(&huge->wrong, 1);
    }
}

/* The small batch is submitted when the worker has delivered `stop_at` values of the huge ones. */
static void small_overtakes_huge(const open_mode *mode, size_t stop_at, size_t huge_batches)
{
    ikv_engine *engine = engine_make(1, 0, 0, 0);
    ikv_store *store = engine_open(path, IKV_KEY_U64, mode, engine);
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    ikv_submit_options submit = IKV_SUBMIT_OPTIONS_INIT;
    ikv_result *results[HUGE_MAX];
    ikv_result *small = NULL;
    uint64_t small_keys[SMALL];
    huge_batch huge;
    ikv_error err;

    memset(&huge, 0, sizeof(huge));
    gate_init(&huge.gate);
    huge.stop_at = stop_at;
    get.on_value = huge_value;
    get.user = &huge;
    assert_ok(ikv_result_new(&small), NULL);
    for (size_t i = 0; i < huge_batches; i++) {
        assert_ok(ikv_result_new(&results[i]), NULL);
        assert_ok(ikv_submit(store, keys, PAIRS, &get, NULL, results[i], &err), &err);
    }
    gate_wait_held(&huge.gate, 1);
    for (size_t i = 0; i < SMALL; i++)
        small_keys[i] = keys[i * (PAIRS / SMALL)];
    submit.on_done = small_done;
    submit.user = &huge;
    assert_ok(ikv_submit(store, small_keys, SMALL, NULL, &submit, small, &err), &err);
    gate_set(&huge.gate, 1);
    for (size_t i = 0; i < huge_batches; i++) {
        assert_ok(ikv_wait(results[i], &err), &err);
        ikv_result_free(results[i]);
    }
    ikv_close(store); /* returns after all callbacks have */
    ikv_engine_close(engine);
    assert_int_equal(atomic_load(&huge.wrong), 0);
    assert_int_equal(atomic_load(&huge.values), huge_batches * PAIRS);
    assert_true(huge.values_at_small >= stop_at);
    if (huge.values_at_small - stop_at > ALLOWED)
        fail_msg("%s: the small batch, submitted after %zu values, was done only after %zu",
                 mode->name, stop_at, huge.values_at_small);
    gate_destroy(&huge.gate);
    ikv_result_free(small);
}

static void small_batches_overtake_huge_ones(void **state)
{
    static const size_t stops[] = {0, 1000, PAIRS / 3};
    open_mode modes[OPEN_MODES_MAX];
    const size_t count = open_modes(path, IKV_KEY_U64, modes);
    size_t number = 0;

    (void)state;
    for (size_t m = 0; m < count; m++) {
        if (modes[m].flags & IKV_OPEN_DIRECT)
            continue; /* the same scheduling, only slower */
        for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
            if (test_in_sample(number++, 4 * count, 2 * count))
                small_overtakes_huge(&modes[m], stops[i], 1);
        if (test_in_sample(number++, 4 * count, 2 * count))
            small_overtakes_huge(&modes[m], PAIRS / 2, HUGE_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_batches_overtake_huge_ones),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
