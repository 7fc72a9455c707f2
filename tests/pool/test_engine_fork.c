/*
 * fork() while other threads have batches in flight: the child can use and close the stores it
 * inherited, and the parent is not affected.
 */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "scale.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static store_fixture fixture;

static int group_setup(void **state)
{
    (void)state;
    store_fixture_make(&fixture, 2000, MODEL_SIZES_SMALL, BATCH_MIXED, 500);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    store_fixture_free(&fixture);
    return 0;
}

/* A second thread of the parent that looks up one batch after another. */
typedef struct lookup_thread {
    pthread_t thread;
    ikv_store *store;
    atomic_int stop;
    atomic_size_t done;
    atomic_size_t wrong;
} lookup_thread;

static void *look_up_until_stopped(void *argument)
{
    lookup_thread *self = argument;
    ikv_result *result = NULL;

    if (ikv_result_new(&result) != 0)
        return NULL;
    while (!atomic_load(&self->stop)) {
        const int code = ikv_get_many(self->store, fixture.keys, fixture.count, NULL, result, NULL);
        if (code != 0 || !fixture_is_right(&fixture, result))
            atomic_fetch_add(&self->wrong, 1);
        atomic_fetch_add(&self->done, 1);
    }
    ikv_result_free(result);
    return NULL;
}

/* Returns the exit status of the child, 0 if everything worked. */
static int child_main(ikv_store *store, ikv_engine *engine, size_t round)
{
    ikv_result *result = NULL;

    if (ikv_result_new(&result) != 0)
        return 2;
    for (size_t i = 0; i < 2; i++) {
        if (ikv_get_many(store, fixture.keys, fixture.count, NULL, result, NULL) != 0 ||
            !fixture_is_right(&fixture, result))
            return 3;
        if (ikv_submit(store, fixture.keys, fixture.count, NULL, NULL, result, NULL) != 0 ||
            ikv_wait(result, NULL) != 0 || !fixture_is_right(&fixture, result))
            return 4;
        if (ikv_get(store, fixture.model.sorted[round % fixture.model.sorted_count]->key, NULL,
                    result, NULL) != 0)
            return 5;
    }
    ikv_result_free(result);
    if (round % 2 == 0) {
        ikv_close(store);
        ikv_engine_close(engine);
    }
    return 0;
}

static void fork_once(ikv_store *store, ikv_engine *engine, size_t round)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0)
        _exit(child_main(store, engine, round));
    assert_true(child > 0);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("a child process ended with status %#x", (unsigned)status);
}

/* `own_engine`: the store has its own engine, otherwise the caller's. */
static void fork_repeatedly(const open_mode *mode, size_t rounds, int own_engine)
{
    ikv_engine *engine = own_engine ? NULL : engine_make(2, 8, 0, 0);
    lookup_thread other = {.store = engine_open(fixture.path, IKV_KEY_U64, mode, engine)};

    assert_int_equal(pthread_create(&other.thread, NULL, look_up_until_stopped, &other), 0);
    while (atomic_load(&other.done) == 0)
        ;
    for (size_t i = 0; i < rounds; i++)
        fork_once(other.store, engine, i);
    const size_t done = atomic_load(&other.done);
    while (atomic_load(&other.done) < done + 2) /* it still makes progress */
        ;
    atomic_store(&other.stop, 1);
    assert_int_equal(pthread_join(other.thread, NULL), 0);
    assert_int_equal(atomic_load(&other.wrong), 0);
    ikv_close(other.store);
    ikv_engine_close(engine);
}

static void fork_with_batches_in_flight(void **state)
{
    const process_usage before = process_usage_now();

    (void)state;
    /* The allocators of sanitizers do not work in a child of a process with threads. */
    if (test_is_sanitized())
        skip();
    for (size_t m = 0; m < fixture.mode_count; m++) {
        const open_mode *mode = &fixture.modes[m];
        const size_t rounds = test_scaled(mode->backend == IKV_BACKEND_PREAD ? 60 : 12);

        for (int own_engine = 0; own_engine <= 1; own_engine++)
            fork_repeatedly(mode, rounds, own_engine);
    }
    assert_process_usage(before);
}

/* Returns a result that outlives the thread. */
static void *look_up_once(void *argument)
{
    ikv_result *result = NULL;

    if (ikv_result_new(&result) == 0 &&
        ikv_get_many(argument, fixture.keys, fixture.count, NULL, result, NULL) == 0 &&
        fixture_is_right(&fixture, result))
        return result;
    ikv_result_free(result);
    return NULL;
}

static void *end_at_once(void *argument)
{
    return argument;
}

static void results_outlive_threads(void **state)
{
    pthread_t first;

    (void)state;
    /* ThreadSanitizer starts a thread of its own with the program's first. */
    assert_int_equal(pthread_create(&first, NULL, end_at_once, NULL), 0);
    assert_int_equal(pthread_join(first, NULL), 0);
    const process_usage before = process_usage_now();
    for (size_t m = 0; m < fixture.mode_count; m++) {
        ikv_store *store = engine_open(fixture.path, IKV_KEY_U64, &fixture.modes[m], NULL);
        for (size_t n = test_scaled(200); n > 0; n--) {
            pthread_t thread;
            void *result = NULL;
            assert_int_equal(pthread_create(&thread, NULL, look_up_once, store), 0);
            assert_int_equal(pthread_join(thread, &result), 0);
            assert_non_null(result);
            assert_true(fixture_is_right(&fixture, result));
            ikv_result_free(result);
        }
        ikv_close(store);
    }
    assert_process_usage(before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork_with_batches_in_flight),
        cmocka_unit_test(results_outlive_threads),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
