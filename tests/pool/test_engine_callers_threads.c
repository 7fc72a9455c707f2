/* Many threads use several stores of one engine at once, with batches of one key to 20,000. */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "rng.h"
#include "scale.h"
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

static struct {
    char *paths[STORES];
    store_model models[STORES];
    ikv_store *stores[STORES];
} shared;

static const ikv_key_type types[STORES] = {IKV_KEY_U64, IKV_KEY_BYTES(20), IKV_KEY_U32};

typedef struct caller {
    pthread_t thread;
    rng_state rng;
    size_t rounds;
    char failure[100]; /* description of the first wrong answer, or "" */
} caller;

/* Mostly small, sometimes many times larger. */
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
    const store_model *model = &shared.models[number];
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    size_t count;
    unsigned char *keys =
        batch_keys(model, &self->rng, BATCH_MIXED, batch_size(&self->rng), &count);
    int code;

    options.match = (ikv_match)rng_below(&self->rng, 3);
    if (rng_below(&self->rng, 2) == 0) {
        code = ikv_get_many(shared.stores[number], keys, count, &options, result, NULL);
    } else {
        code = ikv_submit(shared.stores[number], keys, count, &options, NULL, result, NULL);
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

static void run_callers(const open_mode modes[STORES], uint32_t threads, uint32_t queue)
{
    ikv_engine *engine = engine_make(threads, 32, queue, 0);
    caller callers[THREADS];

    memset(callers, 0, sizeof(callers));
    for (size_t i = 0; i < STORES; i++)
        shared.stores[i] = engine_open(shared.paths[i], types[i], &modes[i], engine);
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
        ikv_close(shared.stores[i]);
    ikv_engine_close(engine);
}

static void callers_share_an_engine(void **state)
{
    ikv_engine_close(engine_make(1, 0, 0, 0)); /* a sanitizer may start its own thread with it */
    const process_usage before = process_usage_now();
    open_mode found[OPEN_MODES_MAX];

    (void)state;
    const size_t count = open_modes(shared.paths[0], types[0], found);
    for (size_t m = 0; m < count; m++) {
        /* The second store uses another backend than the others. */
        const open_mode modes[STORES] = {found[m], found[(m + 1) % count], found[m]};
        run_callers(modes, 1 + (uint32_t)m % 3, m % 2 ? 0 : 2);
    }
    assert_process_usage(before);
}

static int group_setup(void **state)
{
    (void)group_dir_setup(state);
    for (size_t i = 0; i < STORES; i++) {
        const char name[] = {(char)('0' + i), '\0'};
        shared.paths[i] = tmpdir_file(&group_dir, name);
        engine_fill(shared.paths[i], types[i], i == 1 ? IKV_WRITE_PLAIN : 0, 4000,
                    MODEL_SIZES_SMALL, i, &shared.models[i]);
    }
    return 0;
}

static int group_teardown(void **state)
{
    for (size_t i = 0; i < STORES; i++) {
        free(shared.paths[i]);
        model_free(&shared.models[i]);
    }
    return group_dir_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_share_an_engine),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
