/*
 * Processes that fork with batches in flight in other threads: the child uses the same stores,
 * closes them and ends; the parent notices nothing.
 */
#include "indexkv.h"

#include "engines.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

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

static struct world {
    tmpdir directory;
    char *path;
    store_model model;
    engine_way ways[ENGINE_WAYS_MAX];
    size_t way_count;
    unsigned char *keys;
    size_t count;
} world;

static int group_setup(void **state)
{
    rng_state rng = {1};

    (void)state;
    tmpdir_make(&world.directory);
    world.path = tmpdir_file(&world.directory, "store");
    engine_fill(world.path, IKV_KEY_U64, 0, 2000, MODEL_SIZES_SMALL, 1, &world.model);
    world.way_count = engine_ways(world.path, IKV_KEY_U64, world.ways);
    world.keys = batch_keys(&world.model, &rng, BATCH_MIXED, 500, &world.count);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    free(world.keys);
    model_free(&world.model);
    free(world.path);
    tmpdir_remove(&world.directory);
    return 0;
}

/* The parent's other thread. */
typedef struct busy {
    pthread_t thread;
    ikv_store *store;
    atomic_int stop;
    atomic_size_t done;
    atomic_size_t wrong;
} busy;

static void *keep_busy(void *argument)
{
    busy *self = argument;
    ikv_result *result = NULL;

    if (ikv_result_new(&result) != 0)
        return NULL;
    while (!atomic_load(&self->stop)) {
        const int code = ikv_get_many(self->store, world.keys, world.count, NULL, result, NULL);
        if (code != 0 || !batch_is_right(&world.model, world.keys, world.count, IKV_EXACT, result))
            atomic_fetch_add(&self->wrong, 1);
        atomic_fetch_add(&self->done, 1);
    }
    ikv_result_free(result);
    return NULL;
}

/* What the child does, as its exit status; 0: all was right. */
static int child_main(ikv_store *store, ikv_engine *engine, size_t round)
{
    ikv_result *result = NULL;

    if (ikv_result_new(&result) != 0)
        return 2;
    for (size_t i = 0; i < 2; i++) {
        if (ikv_get_many(store, world.keys, world.count, NULL, result, NULL) != 0 ||
            !batch_is_right(&world.model, world.keys, world.count, IKV_EXACT, result))
            return 3;
        if (ikv_submit(store, world.keys, world.count, NULL, NULL, result, NULL) != 0 ||
            ikv_wait(result, NULL) != 0 ||
            !batch_is_right(&world.model, world.keys, world.count, IKV_EXACT, result))
            return 4;
        if (ikv_get(store, world.model.sorted[round % world.model.sorted_count]->key, NULL, result,
                    NULL) != 0)
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

static void forks(const engine_way *way, size_t rounds, int own)
{
    ikv_engine *engine = own ? NULL : engine_make(2, 8, 0, 0);
    busy other = {.store = engine_open(world.path, IKV_KEY_U64, way, engine)};

    assert_int_equal(pthread_create(&other.thread, NULL, keep_busy, &other), 0);
    while (atomic_load(&other.done) == 0)
        ;
    for (size_t i = 0; i < rounds; i++)
        fork_once(other.store, engine, i);
    const size_t done = atomic_load(&other.done);
    while (atomic_load(&other.done) < done + 2) /* it goes on */
        ;
    atomic_store(&other.stop, 1);
    assert_int_equal(pthread_join(other.thread, NULL), 0);
    assert_int_equal(atomic_load(&other.wrong), 0);
    ikv_close(other.store);
    ikv_engine_close(engine);
}

static void forks_with_batches_in_flight(void **state)
{
    const size_t descriptors = process_descriptors();
    const size_t threads = process_threads();

    (void)state;
    /* The sanitizers' allocators are not for children of processes with threads. */
    if (test_is_sanitized())
        skip();
    for (size_t w = 0; w < world.way_count; w++)
        for (int own = 0; own <= 1; own++)
            forks(&world.ways[w], test_scaled(world.ways[w].backend == IKV_BACKEND_PREAD ? 60 : 12),
                  own);
    assert_int_equal(process_threads_down_to(threads), threads);
    assert_int_equal(process_descriptors(), descriptors);
}

/* Results and stores that a thread made live on when it has ended, and so do the engines. */
static void *look_up_once(void *argument)
{
    ikv_result *result = NULL;

    if (ikv_result_new(&result) == 0 &&
        ikv_get_many(argument, world.keys, world.count, NULL, result, NULL) == 0 &&
        batch_is_right(&world.model, world.keys, world.count, IKV_EXACT, result))
        return result;
    ikv_result_free(result);
    return NULL;
}

static void threads_end_after_use(void **state)
{
    const size_t descriptors = process_descriptors();
    const size_t threads = process_threads();

    (void)state;
    for (size_t w = 0; w < world.way_count; w++) {
        ikv_store *store = engine_open(world.path, IKV_KEY_U64, &world.ways[w], NULL);
        for (size_t n = test_scaled(200); n > 0; n--) {
            pthread_t thread;
            void *made = NULL;
            assert_int_equal(pthread_create(&thread, NULL, look_up_once, store), 0);
            assert_int_equal(pthread_join(thread, &made), 0);
            assert_non_null(made);
            ikv_result *result = made;
            assert_true(batch_is_right(&world.model, world.keys, world.count, IKV_EXACT, result));
            ikv_result_free(result);
        }
        ikv_close(store);
    }
    assert_int_equal(process_threads_down_to(threads), threads);
    assert_int_equal(process_descriptors(), descriptors);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks_with_batches_in_flight),
        cmocka_unit_test(threads_end_after_use),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
