/* Destinations of values: the caller's array or a callback, and the options for them. */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "hostkey.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PAIRS     3000
#define UNTOUCHED 0xa5

static store_fixture fixture; /* tests add their own stores to its directory */
static ikv_result *result;

static int group_setup(void **state)
{
    (void)state;
    store_fixture_make(&fixture, 10, MODEL_SIZES_EIGHT, BATCH_EMPTY, 0);
    return ikv_result_new(&result);
}

static int group_teardown(void **state)
{
    (void)state;
    ikv_result_free(result);
    store_fixture_free(&fixture);
    return 0;
}

/* ---------------------------------------------------------------- into the caller's array */

/* The element at `place` is the value if that has value_size bytes, otherwise unchanged. */
static void assert_element(const store_model *model, const unsigned char *key,
                           const unsigned char *place, size_t value_size, ikv_match match,
                           const ikv_item *item)
{
    const model_pair *pair = model_find(model, key, match);

    if (pair != NULL && pair->size == value_size) {
        assert_int_equal(item->status, IKV_FOUND);
        assert_ptr_equal(item->value, place);
        assert_int_equal(item->size, value_size);
        assert_int_equal(hostkey_compare(model->type, item->key, pair->key), 0);
        assert_memory_equal(place, pair->value, value_size);
        return;
    }
    assert_int_equal(item->status, pair != NULL ? IKV_OTHER_SIZE : IKV_MISSING);
    assert_null(item->value);
    if (pair != NULL) {
        assert_int_equal(item->size, pair->size);
        assert_int_equal(hostkey_compare(model->type, item->key, pair->key), 0);
    }
    for (size_t i = 0; i < value_size; i++)
        assert_int_equal(place[i], UNTOUCHED);
}

static void assert_values(ikv_store *store, const store_model *model, rng_state *rng,
                          batch_shape shape, uint32_t value_size)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const size_t width = hostkey_width(model->type);
    size_t count;
    unsigned char *keys = batch_keys(model, rng, shape, 700, &count);
    unsigned char *values = must_malloc((count + 1) * value_size);
    size_t found = 0;
    ikv_error err;

    memset(values, UNTOUCHED, (count + 1) * value_size);
    options.match = (ikv_match)rng_below(rng, 3);
    options.values = values;
    options.value_size = value_size;
    if (rng_below(rng, 2) == 0) {
        assert_ok(ikv_get_many(store, keys, count, &options, result, &err), &err);
    } else {
        assert_ok(ikv_submit(store, keys, count, &options, NULL, result, &err), &err);
        assert_ok(ikv_wait(result, &err), &err);
    }
    assert_int_equal(ikv_result_count(result), count);
    for (size_t i = 0; i < count; i++) {
        const ikv_item *item = &ikv_result_items(result)[i];

        assert_element(model, keys + i * width, values + i * value_size, value_size, options.match,
                       item);
        found += item->status == IKV_FOUND || item->status == IKV_OTHER_SIZE;
    }
    for (size_t i = 0; i < value_size; i++)
        assert_int_equal(values[count * value_size + i], UNTOUCHED);
    assert_int_equal(ikv_result_stats(result)->found, found);
    free(values);
    free(keys);
}

static void values_into_array(void **state)
{
    static const uint32_t sizes[] = {8, 1, 255, 257};
    rng_state rng = {5};
    char *path = tmpdir_file(&fixture.directory, "values");

    (void)state;
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        const ikv_key_type type = flags ? IKV_KEY_BYTES(9) : IKV_KEY_I64;
        store_model model;

        for (int mixed = 0; mixed <= 1; mixed++) {
            engine_fill(path, type, flags, PAIRS, mixed ? MODEL_SIZES_MIXED : MODEL_SIZES_EIGHT, 1,
                        &model);
            for (size_t m = 0; m < fixture.mode_count; m++) {
                ikv_engine *engine = engine_make(2, 0, 0, 0);
                ikv_store *store = engine_open(path, type, &fixture.modes[m], engine);
                for (int shape = 0; shape < BATCH_SHAPES; shape++)
                    assert_values(store, &model, &rng, (batch_shape)shape,
                                  sizes[mixed ? rng_below(&rng, 4) : 0]);
                ikv_close(store);
                ikv_engine_close(engine);
            }
            model_free(&model);
        }
    }
    free(path);
}

static void get_value_of_other_size(void **state)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    char *path = tmpdir_file(&fixture.directory, "one");
    unsigned char value[9];
    store_model model;
    ikv_error err;

    (void)state;
    engine_fill(path, IKV_KEY_U32, 0, 100, MODEL_SIZES_EIGHT, 1, &model);
    for (size_t m = 0; m < fixture.mode_count; m++) {
        ikv_store *store = engine_open(path, IKV_KEY_U32, &fixture.modes[m], NULL);
        const void *key = model.sorted[50]->key;

        options.values = value;
        for (options.value_size = 7; options.value_size <= 9; options.value_size++) {
            memset(value, UNTOUCHED, sizeof(value));
            const int code = ikv_get(store, key, &options, result, &err);
            if (options.value_size == 8) {
                assert_ok(code, &err);
                assert_memory_equal(value, model.sorted[50]->value, 8);
                assert_int_equal(value[8], UNTOUCHED);
                continue;
            }
            assert_failed(code, IKV_E_VALUE_SIZE, &err, path);
            assert_int_equal(ikv_result_code(result), code);
            for (size_t i = 0; i < sizeof(value); i++)
                assert_int_equal(value[i], UNTOUCHED);
        }
        ikv_close(store);
    }
    model_free(&model);
    free(path);
}

/* ---------------------------------------------------------------- to a callback */

typedef struct stream {
    const store_model *model;
    const unsigned char *keys;
    size_t count;
    ikv_match match;
    atomic_uchar *seen; /* number of calls for each key */
    atomic_size_t calls;
    atomic_size_t wrong;
    size_t stop_after; /* number of calls that return 0; SIZE_MAX for all */
} stream;

static int take_value(void *user, size_t index, const ikv_item *item)
{
    stream *s = user;
    const size_t width = hostkey_width(s->model->type);
    const size_t call = atomic_fetch_add(&s->calls, 1);
    int good = index < s->count && atomic_fetch_add(&s->seen[index], 1) == 0;

    if (good) {
        const model_pair *pair = model_find(s->model, s->keys + index * width, s->match);
        good = pair != NULL && item->status == IKV_FOUND && item->size == pair->size &&
               memcmp(item->value, pair->value, pair->size) == 0 &&
               hostkey_compare(s->model->type, item->key, pair->key) == 0;
    }
    if (!good)
        atomic_fetch_add(&s->wrong, 1);
    return call >= s->stop_after;
}

/* Returns the code of ikv_get_many. */
static int run_stream(ikv_store *store, const store_model *model, rng_state *rng, batch_shape shape,
                      size_t stop_after)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const size_t width = hostkey_width(model->type);
    stream s = {.model = model, .stop_after = stop_after};
    unsigned char *keys = batch_keys(model, rng, shape, 700, &s.count);
    size_t expected = 0;

    s.keys = keys;
    s.match = options.match = (ikv_match)rng_below(rng, 3);
    s.seen = must_malloc(s.count * sizeof(*s.seen));
    memset((void *)s.seen, 0, s.count * sizeof(*s.seen));
    options.on_value = take_value;
    options.user = &s;
    for (size_t i = 0; i < s.count; i++)
        expected += model_find(model, keys + i * width, s.match) != NULL;
    const int code = ikv_get_many(store, keys, s.count, &options, result, NULL);
    assert_int_equal(atomic_load(&s.wrong), 0);
    if (code == 0) {
        assert_int_equal(atomic_load(&s.calls), expected);
        assert_int_equal(ikv_result_count(result), s.count);
        for (size_t i = 0; i < s.count; i++) {
            const ikv_item *item = &ikv_result_items(result)[i];
            const model_pair *pair = model_find(model, keys + i * width, s.match);

            assert_int_equal(item->status, pair != NULL ? IKV_FOUND : IKV_MISSING);
            assert_null(item->value);
        }
    } else {
        assert_true(atomic_load(&s.calls) > stop_after);
        assert_int_equal(ikv_result_count(result), 0);
    }
    free((void *)s.seen);
    free(keys);
    return code;
}

static void values_to_callback(void **state)
{
    rng_state rng = {6};
    char *path = tmpdir_file(&fixture.directory, "each");

    (void)state;
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        const ikv_key_type type = flags ? IKV_KEY_U32 : IKV_KEY_I128;
        store_model model;

        engine_fill(path, type, flags, PAIRS, MODEL_SIZES_MIXED, 2, &model);
        for (size_t m = 0; m < fixture.mode_count; m++) {
            ikv_engine *engine = engine_make(2, 0, 0, 0);
            ikv_store *store = engine_open(path, type, &fixture.modes[m], engine);
            for (int shape = 0; shape < BATCH_SHAPES; shape++)
                assert_int_equal(run_stream(store, &model, &rng, (batch_shape)shape, SIZE_MAX), 0);
            assert_int_equal(run_stream(store, &model, &rng, BATCH_ALL, 0), IKV_E_CANCELED);
            assert_int_equal(run_stream(store, &model, &rng, BATCH_ALL, 1000), IKV_E_CANCELED);
            ikv_close(store);
            ikv_engine_close(engine);
        }
        model_free(&model);
    }
    free(path);
}

static int refuse_all(void *user, size_t index, const ikv_item *item)
{
    (void)index;
    (void)item;
    atomic_fetch_add((atomic_size_t *)user, 1);
    return 1;
}

/* With one worker, the callback is not called again after it has returned nonzero, not even for a
 * repeated key. */
static void no_call_after_refusal(void **state)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    char *path = tmpdir_file(&fixture.directory, "refusal");
    rng_state rng = {7};
    store_model model;

    (void)state;
    engine_fill(path, IKV_KEY_U64, 0, PAIRS, MODEL_SIZES_SMALL, 3, &model);
    for (size_t m = 0; m < fixture.mode_count; m++) {
        ikv_engine *engine = engine_make(1, 0, 0, 0);
        ikv_store *store = engine_open(path, IKV_KEY_U64, &fixture.modes[m], engine);
        size_t count;
        unsigned char *keys = batch_keys(&model, &rng, BATCH_ALL, 0, &count);
        atomic_size_t calls = 0;

        for (size_t i = 1; i < 500; i++)
            memcpy(keys + i * 8, keys, 8);
        options.on_value = refuse_all;
        options.user = &calls;
        for (options.match = IKV_EXACT; options.match <= IKV_CEILING; options.match++) {
            atomic_store(&calls, 0);
            assert_int_equal(ikv_get_many(store, keys, 500, &options, result, NULL),
                             IKV_E_CANCELED);
            assert_int_equal(atomic_load(&calls), 1);
            atomic_store(&calls, 0);
            assert_int_equal(ikv_get_many(store, keys, 2, &options, result, NULL), IKV_E_CANCELED);
            assert_int_equal(atomic_load(&calls), 1);
        }
        free(keys);
        ikv_close(store);
        ikv_engine_close(engine);
    }
    model_free(&model);
    free(path);
}

/* ---------------------------------------------------------------- memory for long values */

#define LONG_VALUES 30
#define LONG_SIZE   ((size_t)3 << 20)
#define LONG_MEMORY ((uint64_t)64 << 20) /* all of them at once would take 90 MiB */

static int count_long(void *user, size_t index, const ikv_item *item)
{
    (void)index;
    if (item->size == LONG_SIZE)
        atomic_fetch_add((atomic_uint *)user, 1);
    return 0;
}

/* Runs in a child process, whose peak memory does not include earlier tests. Returns 0 if all
 * values were delivered within the memory limit. */
static int stream_long_values(const char *path, const open_mode *mode)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_open_options open_options = IKV_OPEN_OPTIONS_INIT;
    ikv_result *child_result = NULL;
    ikv_store *store = NULL;
    uint64_t keys[LONG_VALUES];
    atomic_uint calls = 0;
    const uint64_t before = process_peak_memory();

    for (uint64_t i = 0; i < LONG_VALUES; i++)
        keys[i] = i;
    open_options.backend = mode->backend;
    open_options.flags = mode->flags;
    options.on_value = count_long;
    options.user = &calls;
    if (ikv_open(path, &open_options, &store, NULL) != 0 || ikv_result_new(&child_result) != 0)
        return 1;
    int code = ikv_get_many(store, keys, LONG_VALUES, &options, child_result, NULL);
    const uint64_t after = process_peak_memory();
    ikv_result_free(child_result);
    ikv_close(store);
    if (code != 0 || atomic_load(&calls) != LONG_VALUES)
        return 2;
    /* Mapped pages of the file count as memory of the process. */
    const int mapped = (mode->backend == IKV_BACKEND_AUTO && !(mode->flags & IKV_OPEN_NO_MAP)) ||
                       mode->backend == IKV_BACKEND_MMAP;
    return test_is_sanitized() || mapped || after - before <= LONG_MEMORY ? 0 : 3;
}

static void long_values_take_little_memory(void **state)
{
    const ikv_writer_options options = store_options(IKV_KEY_U64);
    char *path = tmpdir_file(&fixture.directory, "long");
    unsigned char *value = must_malloc(LONG_SIZE);
    open_mode modes[OPEN_MODES_MAX];
    ikv_writer *writer = NULL;

    (void)state;
    memset(value, 'v', LONG_SIZE);
    assert_ok(ikv_writer_new(path, &options, &writer, NULL), NULL);
    for (uint64_t key = 0; key < LONG_VALUES; key++)
        assert_ok(ikv_writer_add(writer, &key, value, LONG_SIZE, NULL), NULL);
    assert_ok(ikv_writer_finish(writer, NULL, NULL), NULL);
    free(value);
    const size_t count = open_modes(path, IKV_KEY_U64, modes);
    for (size_t i = 0; i < count; i++) {
        const pid_t child = fork();
        int status = 0;

        assert_true(child >= 0);
        if (child == 0)
            _exit(stream_long_values(path, &modes[i]));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != 0)
            fail_msg("%s: the child exited with %d", modes[i].name, WEXITSTATUS(status));
    }
    (void)remove(path);
    free(path);
}

static void invalid_options(void **state)
{
    char *path = tmpdir_file(&fixture.directory, "options");
    uint64_t place[4];
    uint64_t keys[2] = {1, 2};
    store_model model;
    ikv_error err;

    (void)state;
    engine_fill(path, IKV_KEY_U64, 0, 10, MODEL_SIZES_SMALL, 1, &model);
    ikv_store *store = engine_open(path, IKV_KEY_U64, &fixture.modes[0], NULL);
    const ikv_get_options wrong[] = {
        {.size = sizeof(ikv_get_options), .value_size = 8},
        {.size = sizeof(ikv_get_options), .values = place},
        {.size = sizeof(ikv_get_options), .values = place, .value_size = 8, .on_value = take_value},
        {.size = sizeof(ikv_get_options), .on_value = take_value, .value_size = 8},
        {.size = sizeof(ikv_get_options), .match = (ikv_match)(IKV_RANGE + 1)},
        {.size = sizeof(ikv_get_options), .probe = (ikv_probe)2},
        {.size = sizeof(ikv_get_options), .flags = 8},
        {.size = sizeof(ikv_get_options), .flags = IKV_GET_IN_PLACE, .on_value = take_value},
        {.size = sizeof(ikv_get_options),
         .flags = IKV_GET_IN_PLACE,
         .values = place,
         .value_size = 8},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_failed(ikv_get_many(store, keys, 2, &wrong[i], result, &err), IKV_E_INVALID, &err,
                      NULL);
        assert_int_equal(ikv_result_count(result), 0);
        assert_int_equal(ikv_result_code(result), IKV_E_INVALID);
        assert_failed(ikv_submit(store, keys, 2, &wrong[i], NULL, result, &err), IKV_E_INVALID,
                      &err, NULL);
        assert_int_equal(ikv_wait(result, NULL), IKV_E_STATE);
    }
    assert_failed(ikv_get_many(NULL, keys, 2, NULL, result, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_get_many(store, NULL, 2, NULL, result, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_get_many(store, keys, 2, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_submit(store, keys, 2, NULL, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    ikv_close(store);
    model_free(&model);
    free(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_into_array),
        cmocka_unit_test(get_value_of_other_size),
        cmocka_unit_test(values_to_callback),
        cmocka_unit_test(no_call_after_refusal),
        cmocka_unit_test(long_values_take_little_memory),
        cmocka_unit_test(invalid_options),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
