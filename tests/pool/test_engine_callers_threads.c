/* Many callers: threads that use several stores on one engine, with batches of one key to many. */
#include "indexkv.h"

#include "engines.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 16
#define STORES  3

static tmpdir directory;

static struct shelf {
    char *paths[STORES];
    store_model models[STORES];
    ikv_store *stores[STORES];
} shelf;

static const ikv_key_type types[STORES] = {IKV_KEY_U64, IKV_KEY_BYTES(20), IKV_KEY_U32};

typedef struct caller {
    pthread_t thread;
    rng_state rng;
    size_t rounds;
    char failure[100]; /* "": none */
} caller;

/* Mostly small, now and then many times as large. */
static size_t batch_size(rng_state *rng)
{
    switch (rng_below(rng, 16)) {
    case 0:
        return 20000;
    case 1:
    case 2:
    case 3:
        return 1 + (size_t)rng_below(rng, 1000);
    default:
        return 1 + (size_t)rng_below(rng, 20);
    }
}

static int look_up(caller *self, ikv_result *result)
{
    const size_t number = (size_t)rng_below(&self->rng, STORES);
    const store_model *model = &shelf.models[number];
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    size_t count;
    unsigned char *keys =
        batch_keys(model, &self->rng, BATCH_MIXED, batch_size(&self->rng), &count);
    int code;

    options.match = (ikv_match)rng_below(&self->rng, 3);
    if (rng_below(&self->rng, 2) == 0) {
        code = ikv_get_many(shelf.stores[number], keys, count, &options, result, NULL);
    } else {
        code = ikv_submit(shelf.stores[number], keys, count, &options, NULL, result, NULL);
        if (code == 0)
            code = ikv_wait(result, NULL);
    }
    const int good = code == 0 && batch_is_right(model, keys, count, options.match, result);
    if (!good)
        (void)snprintf(self->failure, sizeof(self->failure), "%zu keys of store %zu: %d (%s)",
                       count, number, code, ikv_strerror(code));
    free(keys);
    return good;
}

static void *caller_main(void *argument)
{
    caller *self = argument;
    ikv_result *result = NULL;
    int good = ikv_result_new(&result) == 0;

    for (size_t i = 0; good && i < self->rounds; i++)
        good = look_up(self, result);
    ikv_result_free(result);
    return NULL;
}

static void run_callers(const engine_way ways[STORES], uint32_t threads, uint32_t queue)
{
    ikv_engine *engine = engine_make(threads, 32, queue, 0);
    caller callers[THREADS];

    memset(callers, 0, sizeof(callers));
    for (size_t i = 0; i < STORES; i++)
        shelf.stores[i] = engine_open(shelf.paths[i], types[i], &ways[i], engine);
    for (size_t i = 0; i < THREADS; i++) {
        callers[i].rng.state = i + threads;
        callers[i].rounds = test_scaled(30);
        assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_string_equal(callers[i].failure, "");
    for (size_t i = 0; i < STORES; i++)
        ikv_close(shelf.stores[i]);
    ikv_engine_close(engine);
}

static void callers_share_an_engine(void **state)
{
    ikv_engine_close(
        engine_make(1, 0, 0, 0)); /* some thread of a sanitizer's comes with the first */
    const size_t descriptors = process_descriptors();
    const size_t threads = process_threads();
    engine_way found[ENGINE_WAYS_MAX];

    (void)state;
    const size_t count = engine_ways(shelf.paths[0], types[0], found);
    for (size_t w = 0; w < count; w++) {
        /* The second store is read in another way than the others. */
        const engine_way ways[STORES] = {found[w], found[(w + 1) % count], found[w]};
        run_callers(ways, 1 + (uint32_t)w % 3, w % 2 ? 0 : 2);
    }
    assert_int_equal(process_threads_down_to(threads), threads);
    assert_int_equal(process_descriptors(), descriptors);
}

static int group_setup(void **state)
{
    (void)state;
    tmpdir_make(&directory);
    for (size_t i = 0; i < STORES; i++) {
        char name[] = {'0', '\0'};
        name[0] = (char)('0' + i);
        shelf.paths[i] = tmpdir_file(&directory, name);
        engine_fill(shelf.paths[i], types[i], i == 1 ? IKV_WRITE_PLAIN : 0, 4000, MODEL_SIZES_SMALL,
                    i, &shelf.models[i]);
    }
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < STORES; i++) {
        free(shelf.paths[i]);
        model_free(&shelf.models[i]);
    }
    tmpdir_remove(&directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_share_an_engine),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
