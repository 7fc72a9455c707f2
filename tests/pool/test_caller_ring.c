/* Small batches of IKV_BACKEND_URING: the calling thread reads with a ring of its own, which
 * belongs to the result. No worker is started, or woken. */
#include "indexkv.h"

#include "checks.h"
#include "engines.h"
#include "fixtures.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS 40u

static store_fixture fixture;
static const open_mode mode = {"uring", IKV_BACKEND_URING, 0};

static int group_setup(void **state)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;

    (void)state;
    store_fixture_make(&fixture, 3000, MODEL_SIZES_SMALL, BATCH_MIXED, KEYS);
    options.backend = IKV_BACKEND_URING;
    if (ikv_open(fixture.path, &options, &store, NULL) < 0)
        exit(77);
    ikv_close(store);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    store_fixture_free(&fixture);
    return 0;
}

static int is_right(ikv_store *store, ikv_result *result)
{
    return ikv_get_many(store, fixture.keys, fixture.count, NULL, result, NULL) == 0 &&
           fixture_is_right(&fixture, result);
}

static void no_worker_is_started(void **state)
{
    (void)state;
    const size_t threads = process_threads();
    ikv_store *store = engine_open(fixture.path, 0, &mode, NULL);
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    for (int i = 0; i < 3; i++) {
        assert_true(is_right(store, result));
        assert_string_equal(ikv_result_stats(result)->backend, "uring");
        assert_true(ikv_result_stats(result)->record_reads > 0);
        assert_int_equal(process_threads(), threads);
    }
    ikv_result_free(result);
    ikv_close(store);
}

/* A store may be closed, and its file deleted, while results are kept. */
static void rings_hold_no_files(void **state)
{
    (void)state;
    const size_t before = process_descriptors();
    ikv_result *result = NULL;

    assert_ok(ikv_result_new(&result), NULL);
    for (int i = 0; i < 20; i++) {
        ikv_store *store = engine_open(fixture.path, 0, &mode, NULL);
        assert_true(is_right(store, result));
        assert_int_equal(ikv_result_stats(result)->ring_features & 1u << 7, 0); /* no files */
        ikv_close(store);
        if (before > 0)
            assert_int_equal(process_descriptors(), before + 1); /* the ring */
    }
    ikv_result_free(result);
    assert_int_equal(process_descriptors(), before);
}

struct use {
    ikv_store *store;
    ikv_result *result;
    int right;
};

static void *use_elsewhere(void *argument)
{
    struct use *use = argument;

    use->right = is_right(use->store, use->result);
    return NULL;
}

/* Rings belong to a thread; results may go to another one, and come back, or into a child. */
static void results_change_threads(void **state)
{
    (void)state;
    struct use use = {.store = engine_open(fixture.path, 0, &mode, NULL)};

    assert_ok(ikv_result_new(&use.result), NULL);
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        int status = 0;

        assert_true(is_right(use.store, use.result));
        assert_int_equal(pthread_create(&thread, NULL, use_elsewhere, &use), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(use.right);
        const pid_t child = fork();
        if (child == 0)
            _exit(!is_right(use.store, use.result) || !is_right(use.store, use.result));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    ikv_result_free(use.result);
    ikv_close(use.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_worker_is_started),
        cmocka_unit_test(rings_hold_no_files),
        cmocka_unit_test(results_change_threads),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
