/*
 * Lookups on every backend, with and without O_DIRECT, compared with the model. One result is used
 * on several backends, in several threads and in a forked child.
 */
#include "indexkv.h"

#include "engines.h"
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct mode {
    ikv_backend backend;
    uint32_t flags;
    const char *name; /* in ikv_info, and in ikv_stats unless "auto" */
};

static const struct mode modes[] = {
    {IKV_BACKEND_AUTO, 0, "auto"},
    {IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP, "auto"},
    {IKV_BACKEND_MMAP, 0, "mmap"},
    {IKV_BACKEND_PREAD, 0, "pread"},
    {IKV_BACKEND_PREAD, IKV_OPEN_DIRECT, "pread"},
    {IKV_BACKEND_URING, 0, "uring"},
    {IKV_BACKEND_URING, IKV_OPEN_DIRECT, "uring"},
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

/* Returns NULL and prints the reason if the mode is not supported here. */
static ikv_store *open_with_mode(const char *path, const store_model *model,
                                 const struct mode *mode, uint64_t index_memory)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;
    ikv_info info;

    options.key_type = model->type;
    options.index_memory = index_memory;
    options.backend = mode->backend;
    options.flags = mode->flags;
    int code = ikv_open(path, &options, &store, &err);
    if (code < 0) {
        assert_true(mode->backend == IKV_BACKEND_URING || mode->flags != 0);
        print_message("not supported: %s\n", err.message);
        return NULL;
    }
    ikv_store_info(store, &info);
    assert_string_equal(info.backend, mode->name);
    assert_int_equal(info.direct, (mode->flags & IKV_OPEN_DIRECT) != 0);
    return store;
}

static void random_lookups(ikv_store *store, const store_model *model, rng_state *rng,
                           ikv_result *result, const char *backend)
{
    static const size_t counts[] = {1, 3, 40, 700};
    const size_t width = hostkey_width(model->type);

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        unsigned char *keys = must_malloc(counts[i] * width);

        for (size_t k = 0; k < counts[i]; k++)
            model_probe_key(rng, model, keys + k * width);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(store, model, keys, counts[i], (ikv_match)match, result);
        if (strcmp(backend, "auto") != 0)
            assert_string_equal(ikv_result_stats(result)->backend, backend);
        else
            assert_string_not_equal(ikv_result_stats(result)->backend, backend);
        free(keys);
    }
}

/* Strides that divide a page or not, plain files and native stores, values of up to 1 MiB. */
static void make_store(const char *path, rng_state *rng, uint64_t round, store_model *ret_model)
{
    static const ikv_key_type types[] = {IKV_KEY_U64,       IKV_KEY_U32,       IKV_KEY_I128,
                                         IKV_KEY_BYTES(16), IKV_KEY_BYTES(33), IKV_KEY_U8};
    ikv_key_type type = types[round % (sizeof(types) / sizeof(types[0]))];
    ikv_writer_options options = store_options(type);
    unsigned char key[IKV_KEY_WIDTH_MAX];
    const size_t size = (size_t)1 << 20;
    unsigned char *large = must_malloc(size);

    memset(large, 0x5a, size);
    model_init(ret_model, type);
    for (int i = 0; i < 3 && round % 2 == 0; i++) {
        large[i] = 0;
        model_random_key(rng, type, MODEL_KEYS_UNIFORM, key);
        model_add(ret_model, key, large, size - (size_t)i * 4097);
    }
    (void)model_sort(ret_model, MODEL_KEEP_FIRST);
    if (round % 2 != 0)
        model_fill(ret_model, rng, (size_t)rng_below(rng, 6000), (model_keys)rng_below(rng, 4),
                   MODEL_SIZES_MIXED);
    options.flags = round % 3 == 0 ? IKV_WRITE_PLAIN : 0;
    options.on_duplicate = IKV_DUPLICATES_FIRST;
    store_write(path, ret_model, &options);
    free(large);
}

static void answers_of_all_modes(void **state)
{
    static const uint64_t memories[] = {0, 1, 700};
    char *path = tmpdir_file(*state, "store");
    ikv_result *result = NULL; /* used on all backends */

    assert_ok(ikv_result_new(&result), NULL);
    for (uint64_t round = 0; round < test_scaled(24); round++) {
        rng_state random = {round + 1};
        store_model model;

        make_store(path, &random, round, &model);
        for (size_t i = 0; i < MODES; i++) {
            ikv_store *store = open_with_mode(path, &model, &modes[i], memories[round % 3]);

            if (store != NULL)
                random_lookups(store, &model, &random, result, modes[i].name);
            ikv_close(store);
        }
        model_free(&model);
    }
    ikv_result_free(result);
    free(path);
}

/* Records that take several reads, the last of which may be short. Each mode has a result of its
 * own, whose memory does not have the values yet. */
static void long_records(void **state)
{
    enum { COUNT = 48, STEP = 3000, SIZE = 300000 + COUNT * STEP };
    char *path = tmpdir_file(*state, "long");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    unsigned char *value = must_malloc(SIZE);
    ikv_result *result = NULL;
    rng_state random = {48};
    store_model model;
    uint64_t keys[COUNT];

    model_init(&model, IKV_KEY_U64);
    for (uint64_t i = 0; i < COUNT; i++) {
        keys[i] = i;
        rng_fill(&random, value, SIZE);
        model_add(&model, &keys[i], value, SIZE - (size_t)i * STEP);
    }
    (void)model_sort(&model, MODEL_KEEP_FIRST);
    store_write(path, &model, &options);
    for (size_t i = 0; i < MODES; i++) {
        ikv_store *store = open_with_mode(path, &model, &modes[i], 0);

        assert_ok(ikv_result_new(&result), NULL);
        if (store != NULL)
            assert_batch(store, &model, keys, COUNT, IKV_EXACT, result);
        ikv_close(store);
        ikv_result_free(result);
    }
    /* Not more than this at a time. */
    assert_ok(ikv_result_new(&result), NULL);
    ikv_engine *engine = engine_make(1, 0, 0, 200000);
    const open_mode mode = {"pread", IKV_BACKEND_PREAD, 0};
    ikv_store *bounded = engine_open(path, IKV_KEY_U64, &mode, engine);
    assert_ok(ikv_submit(bounded, keys, COUNT, NULL, NULL, result, NULL), NULL);
    assert_int_equal(ikv_wait(result, NULL), 0);
    assert_true(batch_is_right(&model, keys, COUNT, IKV_EXACT, result));
    ikv_close(bounded);
    ikv_engine_close(engine);
    ikv_result_free(result);
    model_free(&model);
    free(value);
    free(path);
}

/* ---------------------------------------------------------------- threads and children */

struct task {
    ikv_store *store;
    const store_model *model;
    ikv_result *result;
    int wrong;
};

/* Assertions work only in the main thread of the test process. */
static int count_wrong(const struct task *task)
{
    const size_t width = hostkey_width(task->model->type);
    const size_t count = task->model->sorted_count;
    unsigned char *keys = must_malloc(count * width);
    int wrong = 0;

    for (size_t i = 0; i < count; i++)
        memcpy(keys + i * width, task->model->sorted[i]->key, width);
    if (ikv_get_many(task->store, keys, count, NULL, task->result, NULL) != 0)
        wrong = 1;
    for (size_t i = 0; i < count && wrong == 0; i++)
        wrong = !item_is_right(task->model, keys + i * width, IKV_EXACT,
                               &ikv_result_items(task->result)[i]);
    free(keys);
    return wrong;
}

static void *run_task(void *argument)
{
    struct task *task = argument;
    task->wrong = count_wrong(task);
    return NULL;
}

static void run_in_thread(struct task *task)
{
    pthread_t thread;

    task->wrong = 1;
    assert_int_equal(pthread_create(&thread, NULL, run_task, task), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(task->wrong, 0);
}

static void run_in_child(const struct task *task)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(count_wrong(task));
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_result_in_threads_and_processes(void **state)
{
    char *path = tmpdir_file(*state, "store");
    rng_state random = {7};
    store_model model;
    ikv_writer_options options = store_options(IKV_KEY_U64);

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &random, 3000, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    store_write(path, &model, &options);
    for (size_t i = 0; i < MODES; i++) {
        struct task task = {.store = open_with_mode(path, &model, &modes[i], 0), .model = &model};

        if (task.store == NULL)
            continue;
        assert_ok(ikv_result_new(&task.result), NULL);
        for (int turn = 0; turn < 10; turn++) {
            assert_int_equal(count_wrong(&task), 0);
            run_in_thread(&task);
            run_in_child(&task);
        }
        ikv_result_free(task.result);
        ikv_close(task.store);
    }
    model_free(&model);
    free(path);
}

static void invalid_modes_are_refused(void **state)
{
    char *path = tmpdir_file(*state, "store");
    store_model model;
    ikv_writer_options writing = store_options(IKV_KEY_U64);
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    model_init(&model, IKV_KEY_U64);
    (void)model_sort(&model, MODEL_KEEP_ALL);
    store_write(path, &model, &writing);
    const struct {
        int backend;
        uint32_t flags;
    } wrong[] = {
        {4, 0},
        {IKV_BACKEND_PREAD, 64},
        {IKV_BACKEND_PREAD, IKV_OPEN_PRELOAD},
        {IKV_BACKEND_URING, IKV_OPEN_PRIME},
        {IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP | IKV_OPEN_PRELOAD_INDEX},
        {IKV_BACKEND_AUTO, IKV_OPEN_DIRECT | IKV_OPEN_PRIME},
        {IKV_BACKEND_AUTO, IKV_OPEN_LOCK},
        {IKV_BACKEND_MMAP, IKV_OPEN_DIRECT},
        {IKV_BACKEND_MMAP, IKV_OPEN_NO_MAP},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        options.backend = (ikv_backend)wrong[i].backend;
        options.flags = wrong[i].flags;
        assert_failed(ikv_open(path, &options, &store, &err), IKV_E_INVALID, &err, NULL);
    }
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_all_modes),
        cmocka_unit_test(long_records),
        cmocka_unit_test(a_result_in_threads_and_processes),
        cmocka_unit_test(invalid_modes_are_refused),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
