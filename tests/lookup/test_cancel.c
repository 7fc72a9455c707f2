/*
 * A canceled batch ends early: it plans no more reads, whoever cancels it and whatever it is doing.
 * Shown by counted reads.
 */
#include "indexkv.h"

#include "engines.h"
#include "fault_io.h"
#include "fixtures.h"
#include "model.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIRS 2000
#define STEP  5 /* keys looked up are this far apart, so that their records don't share reads */

/* Reads of one worker that may be under way: fewer than this. */
#define UNDER_WAY 64

typedef struct counted {
    ikv_result *result;
    uint64_t cancel_at; /* read, or value, after which to cancel; UINT64_MAX: never */
    uint64_t reads;
    uint64_t values;
    uint64_t reads_before; /* when it was canceled */
} counted;

static char *path;
static uint64_t keys[PAIRS / STEP];

static int group_setup(void **state)
{
    static unsigned char value[4000];
    store_model model;
    const ikv_writer_options options = store_options(IKV_KEY_U64);

    if (group_dir_setup(state) != 0)
        return -1;
    model_init(&model, IKV_KEY_U64);
    for (uint64_t key = 0; key < PAIRS; key++)
        model_add(&model, &key, value, sizeof(value));
    path = tmpdir_file(&group_dir, "store");
    store_write(path, &model, &options);
    model_free(&model);
    for (uint64_t i = 0; i < PAIRS / STEP; i++)
        keys[i] = i * STEP;
    return 0;
}

static int group_teardown(void **state)
{
    free(path);
    return group_dir_teardown(state);
}

static void cancel(counted *counts)
{
    counts->reads_before = counts->reads;
    ikv_cancel(counts->result);
}

static void on_read(void *user, const fault_event *event)
{
    counted *counts = user;

    if (event->call == FAULT_READ && counts->reads++ == counts->cancel_at)
        cancel(counts);
}

static int on_value(void *user, size_t index, const ikv_item *item)
{
    counted *counts = user;

    (void)index;
    (void)item;
    if (counts->values++ == counts->cancel_at)
        cancel(counts);
    return 0;
}

static int refuse(void *user, size_t index, const ikv_item *item)
{
    counted *counts = user;

    (void)index;
    (void)item;
    return counts->values++ == counts->cancel_at ? 1 : 0;
}

/* Submit the batch to an engine of one worker, and wait for it. */
static int run(const ikv_get_options *options, counted *counts, fault_observer observer)
{
    ikv_store *store = store_open(path, IKV_KEY_U64, 0, 1);
    ikv_error err;

    assert_ok(ikv_result_new(&counts->result), NULL);
    fault_start(NULL, observer, counts);
    assert_ok(ikv_submit(store, keys, PAIRS / STEP, options, NULL, counts->result, &err), &err);
    const int code = ikv_wait(counts->result, NULL);
    fault_stop();
    ikv_result_free(counts->result);
    ikv_close(store);
    return code;
}

static void count_only(void *user, const fault_event *event)
{
    counted *counts = user;

    counts->reads += event->call == FAULT_READ;
}

/* While nothing has been found yet, and in the middle. */
static void reads_end_with_ikv_cancel(void **state)
{
    counted all = {.cancel_at = UINT64_MAX};

    (void)state;
    assert_int_equal(run(NULL, &all, on_read), 0);
    assert_true(all.reads >= PAIRS / STEP);
    for (uint64_t at = 0; at < all.reads / 2; at += all.reads / 5) {
        counted some = {.cancel_at = at};
        assert_int_equal(run(NULL, &some, on_read), IKV_E_CANCELED);
        assert_true(some.reads <= some.reads_before + UNDER_WAY);
    }
}

/* ikv_cancel in on_value, which goes on to accept values. */
static void reads_end_with_cancel_in_callback(void **state)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    counted some = {.cancel_at = 3};

    (void)state;
    options.on_value = on_value;
    options.user = &some;
    assert_int_equal(run(&options, &some, count_only), IKV_E_CANCELED);
    assert_true(some.values > 3);
    assert_true(some.reads <= some.reads_before + UNDER_WAY);
}

/* on_value returns a value other than 0. */
static void reads_end_with_refusal(void **state)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    counted some = {.cancel_at = 3};

    (void)state;
    options.on_value = refuse;
    options.user = &some;
    assert_int_equal(run(&options, &some, count_only), IKV_E_CANCELED);
    assert_int_equal(some.values, 4);
    assert_true(some.reads < PAIRS / STEP / 2);
}

/* The same where all is in memory, and nothing is read. */
static void lookups_in_memory_end(void **state)
{
    const open_mode mode = {"mmap", IKV_BACKEND_MMAP, IKV_OPEN_PRELOAD};
    ikv_store *store = engine_open(path, IKV_KEY_U64, &mode, NULL);
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    counted some = {.cancel_at = 3};

    (void)state;
    options.on_value = on_value;
    options.user = &some;
    assert_ok(ikv_result_new(&some.result), NULL);
    assert_ok(ikv_submit(store, keys, PAIRS / STEP, &options, NULL, some.result, NULL), NULL);
    assert_int_equal(ikv_wait(some.result, NULL), IKV_E_CANCELED);
    assert_in_range(some.values, 4, PAIRS / STEP / 2);
    ikv_result_free(some.result);
    ikv_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_end_with_ikv_cancel),
        cmocka_unit_test(reads_end_with_cancel_in_callback),
        cmocka_unit_test(reads_end_with_refusal),
        cmocka_unit_test(lookups_in_memory_end),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
