/* Many threads use one open store, each with its own results and scans. */
#include "indexkv.h"

#include "hostkey.h"
#include "model.h"
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

#define THREADS    16
#define BATCH_KEYS 300

/* Threads other than the test's own cannot use assertions, which leave by longjmp. */
typedef struct reader_thread {
    pthread_t thread;
    ikv_store *store;
    const store_model *model;
    uint64_t seed;
    size_t rounds;
    char failure[128]; /* description of the first failure, or "" */
} reader_thread;

static int failed(reader_thread *worker, const char *what, int code)
{
    snprintf(worker->failure, sizeof(worker->failure), "%s, seed %llu: %d (%s)", what,
             (unsigned long long)worker->seed, code, ikv_strerror(code));
    return 0;
}

static int do_batch(reader_thread *worker, rng_state *rng, ikv_result *result)
{
    unsigned char keys[BATCH_KEYS * 16];
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    size_t count = 1 + (size_t)rng_below(rng, BATCH_KEYS);
    size_t width = hostkey_width(worker->model->type);
    int code;

    options.match = (ikv_match)rng_below(rng, 3);
    for (size_t i = 0; i < count; i++)
        model_probe_key(rng, worker->model, keys + i * width);
    code = ikv_get_many(worker->store, keys, count, &options, result, NULL);
    if (code != 0)
        return failed(worker, "get_many", code);
    for (size_t i = 0; i < count; i++)
        if (!item_is_right(worker->model, keys + i * width, options.match,
                           &ikv_result_items(result)[i]))
            return failed(worker, "wrong item in a batch", 0);
    return 1;
}

static int do_get(reader_thread *worker, rng_state *rng, ikv_result *result)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];
    int code;

    model_probe_key(rng, worker->model, key);
    code = ikv_get(worker->store, key, NULL, result, NULL);
    if (code != 0 && code != IKV_E_NOT_FOUND)
        return failed(worker, "get", code);
    if (!item_is_right(worker->model, key, IKV_EXACT, ikv_result_items(result)))
        return failed(worker, "wrong item of a get", 0);
    return 1;
}

static int do_scan(reader_thread *worker, rng_state *rng)
{
    const store_model *model = worker->model;
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    int in_key_order = rng_below(rng, 2) == 0;
    size_t count = model->count < 500 ? model->count : 500;
    size_t first = in_key_order ? (size_t)rng_below(rng, model->count - count + 1) : 0;
    ikv_scan *scan = NULL;
    ikv_item item;
    int code;

    options.order = in_key_order ? IKV_ORDER_KEY : IKV_ORDER_STORAGE;
    options.from = in_key_order ? model->sorted[first]->key : NULL;
    options.memory = 1 + rng_below(rng, 20000);
    code = ikv_scan_open(worker->store, &options, &scan, NULL);
    if (code != 0)
        return failed(worker, "scan_open", code);
    for (size_t i = 0; i < count && code == 0; i++) {
        const model_pair *pair = store_scanned_pair(worker->store, model, options.order, first + i);

        code = ikv_scan_next(scan, &item, NULL);
        if (code != 0 || item.size != pair->size ||
            memcmp(item.value, pair->value, pair->size) != 0)
            code = code != 0 ? code : -1;
    }
    ikv_scan_close(scan);
    return code == 0 ? 1 : failed(worker, "scan", code);
}

static void *run_worker(void *argument)
{
    reader_thread *worker = argument;
    rng_state random = {worker->seed};
    ikv_result *result = NULL;
    int code = ikv_result_new(&result);
    int good = code == 0 || failed(worker, "result_new", code);

    for (size_t i = 0; i < worker->rounds && good; i++) {
        switch (rng_below(&random, 8)) {
        case 0:
            good = do_scan(worker, &random);
            break;
        case 1:
        case 2:
        case 3:
            good = do_get(worker, &random, result);
            break;
        default:
            good = do_batch(worker, &random, result);
            break;
        }
    }
    ikv_result_free(result);
    return NULL;
}

static void run_threads(const char *path, const store_model *model, uint64_t index_memory)
{
    ikv_store *store = store_open(path, model->type, 0, index_memory);
    reader_thread workers[THREADS];

    memset(workers, 0, sizeof(workers));
    for (size_t i = 0; i < THREADS; i++) {
        workers[i].store = store;
        workers[i].model = model;
        workers[i].seed = i + 1;
        workers[i].rounds = test_scaled(400);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_string_equal(workers[i].failure, "");
    ikv_close(store);
}

static void threads_share_a_store(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U64, IKV_KEY_I128, IKV_KEY_BYTES(9)};
    char *path = tmpdir_file(*state, "shared");

    for (size_t t = 0; t < 3; t++) {
        ikv_writer_options options = store_options(types[t]);
        rng_state random = {t};
        store_model model;

        model_init(&model, types[t]);
        model_fill(&model, &random, 5000, MODEL_KEYS_UNIFORM, MODEL_SIZES_MIXED);
        options.flags = t == 2 ? IKV_WRITE_PLAIN : 0;
        store_write(path, &model, &options);
        run_threads(path, &model, t == 1 ? 1 : 0);
        model_free(&model);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_store),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
