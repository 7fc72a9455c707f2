/*
 * Memory use of engines: no allocations in steady state, bounded memory while large values are
 * passed to a callback, and a clean failure when any allocation fails.
 */
#include "indexkv.h"

#include "engines.h"
#include "fault_alloc.h"
#include "fixtures.h"
#include "gate.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 3000

static store_fixture fixture;
static unsigned char *value_array;

static int group_setup(void **state)
{
    (void)state;
    store_fixture_make(&fixture, 5000, MODEL_SIZES_EIGHT, BATCH_MIXED, KEYS);
    value_array = must_malloc(KEYS * 8);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    free(value_array);
    store_fixture_free(&fixture);
    return 0;
}

/* ---------------------------------------------------------------- steady state */

static int ignore_value(void *user, size_t index, const ikv_item *item)
{
    (void)user;
    (void)index;
    (void)item;
    return 0;
}

/* Every kind of call once. Leaves out `fewer` keys, so that batches differ a little. */
static int all_calls(ikv_store *store, ikv_result *result, size_t fewer)
{
    ikv_get_options each = IKV_GET_OPTIONS_INIT;
    ikv_get_options values = IKV_GET_OPTIONS_INIT;
    const size_t count = fixture.count - fewer;
    int good;

    each.on_value = ignore_value;
    values.values = value_array;
    values.value_size = 8;
    good = ikv_get_many(store, fixture.keys, count, NULL, result, NULL) == 0 &&
           batch_is_right(&fixture.model, fixture.keys, count, IKV_EXACT, result);
    good = good && ikv_submit(store, fixture.keys, count, NULL, NULL, result, NULL) == 0 &&
           ikv_wait(result, NULL) == 0 &&
           batch_is_right(&fixture.model, fixture.keys, count, IKV_EXACT, result);
    good = good && ikv_get_many(store, fixture.keys, count, &each, result, NULL) == 0;
    good = good && ikv_get_many(store, fixture.keys, count, &values, result, NULL) == 0;
    good = good && ikv_get_many(store, fixture.keys, 16, NULL, result, NULL) == 0;
    for (size_t i = 0; good && i < 20; i++)
        good = ikv_get(store, fixture.model.sorted[i * 7]->key, NULL, result, NULL) == 0;
    return good;
}

/* Hold one worker while the other works, so that both have opened their windows. */
static void use_both_workers(ikv_store *store, ikv_result *result)
{
    ikv_get_options search = IKV_GET_OPTIONS_INIT;
    held_worker held;

    search.probe = IKV_PROBE_ENTRY; /* never answered without a window */
    worker_hold(&held, store, fixture.model.sorted[0]->key, IKV_PROBE_ENTRY);
    assert_ok(ikv_get_many(store, fixture.keys, fixture.count, &search, result, NULL), NULL);
    worker_release(&held);
    ikv_result_free(held.result);
}

static void no_allocations_in_steady_state(void **state)
{
    (void)state;
    for (size_t m = 0; m < fixture.mode_count; m++) {
        ikv_engine *engine = engine_make(2, 16, 0, 0);
        ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &fixture.modes[m], engine);
        ikv_result *result = NULL;
        int good = 1;

        assert_ok(ikv_result_new(&result), NULL);
        use_both_workers(store, result);
        for (size_t i = 0; i < 3; i++)
            assert_true(all_calls(store, result, 0));
        fault_alloc_start(FAULT_ALLOC_NONE, false);
        for (size_t i = 0; i < 20; i++)
            good = good && all_calls(store, result, i * 10);
        const fault_alloc_report report = fault_alloc_stop();
        assert_true(good);
        if (report.calls != 0)
            fail_msg("%s: %llu allocations", fixture.modes[m].name,
                     (unsigned long long)report.calls);
        ikv_result_free(result);
        ikv_close(store);
        ikv_engine_close(engine);
    }
}

/* ---------------------------------------------------------------- large values in flight */

#define LARGE_VALUES 150u
#define LARGE_SIZE   400000u

static void write_large(const char *path)
{
    ikv_writer_options options = store_options(IKV_KEY_U32);
    unsigned char *value = must_malloc(LARGE_SIZE);
    ikv_writer *writer = NULL;
    ikv_error err;

    assert_ok(ikv_writer_new(path, &options, &writer, &err), &err);
    for (uint32_t key = 0; key < LARGE_VALUES; key++) {
        memset(value, (int)key, LARGE_SIZE);
        assert_ok(ikv_writer_add(writer, &key, value, LARGE_SIZE, &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    free(value);
}

static int check_large(void *user, size_t index, const ikv_item *item)
{
    const unsigned char *value = item->value;

    for (size_t i = 0; i < LARGE_SIZE; i += 97)
        if (item->size != LARGE_SIZE || value[i] != (unsigned char)index)
            return 1;
    atomic_fetch_add((atomic_size_t *)user, 1);
    return 0;
}

static void large_values_take_little_memory(void **state)
{
    char *path = tmpdir_file(&fixture.directory, "large");
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    uint32_t keys[LARGE_VALUES];
    atomic_size_t calls;

    (void)state;
    write_large(path);
    for (uint32_t i = 0; i < LARGE_VALUES; i++)
        keys[i] = i;
    options.on_value = check_large;
    options.user = &calls;
    for (size_t m = 0; m < fixture.mode_count; m++) {
        ikv_engine *engine = engine_make(1, 16, 0, m % 2 ? 100000 : 0);
        ikv_store *store = engine_open(path, IKV_KEY_U32, &fixture.modes[m], engine);
        ikv_result *result = NULL;
        ikv_error err;

        assert_ok(ikv_result_new(&result), NULL);
        atomic_store(&calls, 0);
        fault_alloc_start(FAULT_ALLOC_NONE, false);
        const int code = ikv_get_many(store, keys, LARGE_VALUES, &options, result, &err);
        const fault_alloc_report report = fault_alloc_stop();
        assert_ok(code, &err);
        assert_int_equal(atomic_load(&calls), LARGE_VALUES);
        /* All values together are 60 MB. */
        assert_true(report.peak < (size_t)24 << 20);
        ikv_result_free(result);
        ikv_close(store);
        ikv_engine_close(engine);
    }
    free(path);
}

/* ---------------------------------------------------------------- no memory */

struct outcome {
    atomic_uint calls;
    atomic_int code;
};

static void record_outcome(void *user, ikv_result *result, int code)
{
    struct outcome *outcome = user;

    (void)result;
    atomic_store(&outcome->code, code);
    atomic_fetch_add(&outcome->calls, 1);
}

static int is_no_memory(int code)
{
    return code == -ENOMEM || code == -EAGAIN;
}

/* Either the right answers, or a clean failure for lack of memory. */
static int is_right_or_no_memory(int code, const ikv_result *result)
{
    if (code == 0)
        return fixture_is_right(&fixture, result);
    return is_no_memory(code) && ikv_result_count(result) == 0 && ikv_result_code(result) == code;
}

/* Runs a batch on each result: waiting, with a callback, to `completions` (NULL: not that one), and
 * closes the store. */
static int run_batches(ikv_store *store, ikv_result *a, ikv_result *b, ikv_result *c,
                       ikv_completions *completions)
{
    ikv_submit_options options = IKV_SUBMIT_OPTIONS_INIT;
    struct outcome outcome = {0};
    int good =
        is_right_or_no_memory(ikv_get_many(store, fixture.keys, fixture.count, NULL, a, NULL), a);

    options.on_done = record_outcome;
    options.user = &outcome;
    int code = ikv_submit(store, fixture.keys, fixture.count, NULL, &options, b, NULL);
    const int was_submitted = code == 0;
    good = good && (was_submitted || is_no_memory(code));
    if (completions != NULL) {
        options.on_done = NULL;
        options.completions = completions;
        code = ikv_submit(store, fixture.keys, fixture.count, NULL, &options, c, NULL);
        good = good && (code == 0 || is_no_memory(code));
        while (code == 0 && ikv_completions_next(completions) == NULL)
            ;
        good = good && (code != 0 || is_right_or_no_memory(ikv_result_code(c), c));
    }
    while (was_submitted && atomic_load(&outcome.calls) == 0)
        ;
    if (was_submitted)
        good = good && is_right_or_no_memory(atomic_load(&outcome.code), b);
    ikv_close(store); /* returns after the callback has */
    return good && atomic_load(&outcome.calls) == (unsigned)was_submitted;
}

/* Everything from creating an engine to closing it. */
static int use_engine(const open_mode *mode)
{
    ikv_engine_options options = IKV_ENGINE_OPTIONS_INIT;
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    ikv_completions *completions = NULL;
    ikv_result *results[3] = {NULL, NULL, NULL};
    ikv_store *store = NULL;
    int good = 1;

    options.threads = 2;
    options.depth = 4;
    open.backend = mode->backend;
    open.flags = mode->flags;
    int code = ikv_engine_new(&options, &open.engine, NULL);
    good = code == 0 || is_no_memory(code);
    for (size_t i = 0; i < 3 && code == 0; i++)
        code = ikv_result_new(&results[i]);
    if (code == 0)
        code = ikv_open(fixture.path, &open, &store, NULL);
    good = good && (code == 0 || is_no_memory(code));
    if (code == 0) {
        const int made = ikv_completions_new(&completions, NULL);
        good = good && (made == 0 || is_no_memory(made));
        good = run_batches(store, results[0], results[1], results[2], completions) && good;
    }
    ikv_completions_free(completions);
    for (size_t i = 0; i < 3; i++)
        ikv_result_free(results[i]);
    ikv_engine_close(open.engine);
    return good;
}

/* Runs with allocation `nth` failing. */
static fault_alloc_report use_engine_without(const open_mode *mode, uint64_t nth, bool for_good)
{
    const size_t live = fault_alloc_live();

    fault_alloc_start(nth, for_good);
    const int good = use_engine(mode);
    const fault_alloc_report report = fault_alloc_stop();
    if (!good)
        fail_msg("%s: wrong outcome when allocation %llu%s fails", mode->name,
                 (unsigned long long)nth, for_good ? " and every later one" : "");
    assert_int_equal(fault_alloc_live(), live);
    return report;
}

static void any_allocation_may_fail(void **state)
{
    const size_t descriptors = process_descriptors();

    (void)state;
    for (size_t m = 0; m < fixture.mode_count; m++) {
        const open_mode *mode = &fixture.modes[m];
        const uint64_t calls = use_engine_without(mode, FAULT_ALLOC_NONE, false).calls;

        assert_true(calls > 30);
        for (int for_good = 0; for_good <= 1; for_good++) {
            uint64_t failed = 1;
            /* Past `calls` as well: the number varies with the threads' timing. */
            for (uint64_t nth = 0; failed > 0; nth++)
                if (nth >= calls || test_in_sample(nth, calls, 40))
                    failed = use_engine_without(mode, nth, for_good != 0).failed;
        }
    }
    assert_int_equal(process_descriptors(), descriptors);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_allocations_in_steady_state),
        cmocka_unit_test(large_values_take_little_memory),
        cmocka_unit_test(any_allocation_may_fail),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
