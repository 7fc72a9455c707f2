/* Submitted batches: each way of making an end known, what may be done in a callback, full queues.
 */
#include "indexkv.h"

#include "engines.h"
#include "gate.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LARGE 500 /* keys: more than the calling thread looks up by itself */

static struct world {
    tmpdir directory;
    char *path;
    store_model model;
    ikv_engine *engine;
    ikv_store *store;
} world;

static int group_setup(void **state)
{
    const engine_way pread_way = {"pread", IKV_BACKEND_PREAD, 0};

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
    const engine_way pread_way = {"pread", IKV_BACKEND_PREAD, 0};
    ikv_get_options each = IKV_GET_OPTIONS_INIT;
    ikv_submit_options submit_options = IKV_SUBMIT_OPTIONS_INIT;
    ikv_result *result = new_result();
    atomic_uint calls = 0;
    rng_state rng = {2};
    size_t count;

    (void)state;
    each.each = any_value;
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
    submit_options.flags = IKV_SUBMIT_TRY;
    submit(NULL, 0, &submit_options, result);
    assert_int_equal(ikv_wait(result, NULL), 0);
    free(keys);
    ikv_result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_batches_complete),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
