/* The callback for rare events: each is reported, with its details, and nothing else is. */
#include "backends.h"
#include "core/store/store.h"
#include "mmap/map.h"

#include "fixtures.h"
#include "rng.h"
#include "stores.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 5000

/* Global, as --wrap functions take no context. */
static bool no_ring;

const struct ikv_io_backend *__real_ikv_io_ring(void);
const struct ikv_io_backend *__wrap_ikv_io_ring(void);
const struct ikv_io_backend *__wrap_ikv_io_ring(void)
{
    return no_ring ? NULL : __real_ikv_io_ring();
}

int __real_ikv_io_ring_probe(char *reason, size_t size);
int __wrap_ikv_io_ring_probe(char *reason, size_t size);
int __wrap_ikv_io_ring_probe(char *reason, size_t size)
{
    return __real_ikv_io_ring_probe(reason, size);
}

static store_model model;
static char *path;
static uint64_t keys[KEYS];

/* ---------------------------------------------------------------- the callback */

struct log {
    pthread_mutex_t lock;
    unsigned count[8];
    ikv_event last[8];
    ikv_error error; /* of the last event with one */
};

static void note(void *user, const ikv_event *event)
{
    struct log *log = user;

    (void)pthread_mutex_lock(&log->lock);
    log->count[event->type]++;
    log->last[event->type] = *event;
    if (event->error)
        log->error = *event->error;
    if (strcmp(event->file, path) != 0)
        log->count[0]++;
    (void)pthread_mutex_unlock(&log->lock);
}

static unsigned all(const struct log *log)
{
    unsigned sum = 0;

    for (size_t i = 0; i < 8; i++)
        sum += log->count[i];
    return sum;
}

static ikv_store *open_with(struct log *log, ikv_backend backend, uint32_t flags)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    *log = (struct log){.lock = PTHREAD_MUTEX_INITIALIZER};
    options.backend = backend;
    options.flags = flags;
    options.on_event = note;
    options.event_user = log;
    assert_ok(ikv_open(path, &options, &store, &err), &err);
    return store;
}

/* ---------------------------------------------------------------- tests */

static void nothing_happens(void **state)
{
    static const ikv_backend backends[] = {IKV_BACKEND_PREAD, IKV_BACKEND_MMAP};
    ikv_result *result = NULL;
    struct log log;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t i = 0; i < 2; i++) {
        ikv_store *store = open_with(&log, backends[i], 0);
        assert_batch(store, &model, keys, KEYS, IKV_EXACT, result);
        assert_get(store, &model, &keys[1], IKV_EXACT, result);
        ikv_close(store);
        assert_int_equal(all(&log), 0);
    }
    ikv_result_free(result);
}

/* The index is intact, the first record is not: read, and through the mapping. */
static void damage(void **state)
{
    static const ikv_backend backends[] = {IKV_BACKEND_PREAD, IKV_BACKEND_MMAP};
    ikv_result *result = NULL;
    struct log log;

    (void)state;
    assert_int_equal(ikv_result_new(&result), 0);
    file_flip_bit(path, 30 * 8); /* of the first record added: its value */
    for (size_t i = 0; i < 2; i++) {
        ikv_store *store = open_with(&log, backends[i], 0);
        assert_int_equal(ikv_get_many(store, keys, KEYS, NULL, result, NULL), 0);
        assert_int_equal(ikv_result_stats(result)->corrupt, 1);
        assert_int_equal(log.count[IKV_EVENT_DAMAGE], 1);
        assert_int_equal(log.last[IKV_EVENT_DAMAGE].count, 1);
        assert_int_equal(log.last[IKV_EVENT_DAMAGE].code, IKV_E_RECORD);
        assert_int_equal(log.error.code, IKV_E_RECORD);
        assert_int_equal(log.error.offset, 24);
        assert_memory_equal(log.error.key, model.pairs[0].key, sizeof keys[0]);
        assert_int_equal(all(&log), 1);
        assert_int_equal(ikv_get(store, model.pairs[0].key, NULL, result, NULL), IKV_E_RECORD);
        assert_int_equal(ikv_get(store, model.pairs[1].key, NULL, result, NULL), 0);
        assert_int_equal(all(&log), 2);
        ikv_close(store);
    }
    file_flip_bit(path, 30 * 8);
    ikv_result_free(result);
}

/* Once for a reason, not with each batch. */
static void fallback(void **state)
{
    ikv_result *result = NULL;
    struct log log;

    (void)state;
    no_ring = true;
    ikv_store *store = open_with(&log, IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP);
    assert_int_equal(ikv_result_new(&result), 0);
    for (int i = 0; i < 3; i++)
        assert_batch(store, &model, keys, KEYS, IKV_EXACT, result);
    assert_int_equal(ikv_result_stats(result)->fallback, IKV_E_UNSUPPORTED);
    assert_int_equal(log.count[IKV_EVENT_FALLBACK], 1);
    assert_int_equal(log.last[IKV_EVENT_FALLBACK].code, IKV_E_UNSUPPORTED);
    assert_int_equal(all(&log), 1);
    ikv_close(store);
    ikv_result_free(result);
    no_ring = false;
}

static void dropped_hints(void **state)
{
    ikv_result *result = NULL;
    struct log log;

    (void)state;
    no_ring = true;
    ikv_store *store = open_with(&log, IKV_BACKEND_AUTO, 0);
    assert_int_equal(ikv_result_new(&result), 0);
    for (int i = 0; i < 2; i++) {
        const unsigned before = log.count[IKV_EVENT_HINTS_DROPPED];
        ikv_map_report_faults(store->map, 1 << 20, 1);
        ikv_map_report_faults(store->map, 1 << 20, 1);
        assert_batch(store, &model, keys, KEYS, IKV_EXACT, result);
        assert_batch(store, &model, keys, KEYS, IKV_EXACT, result);
        assert_int_equal(log.count[IKV_EVENT_HINTS_DROPPED], before + 1);
        assert_int_equal(log.last[IKV_EVENT_HINTS_DROPPED].count, 2);
    }
    assert_int_equal(log.count[IKV_EVENT_DAMAGE] + log.count[IKV_EVENT_RETRY] + log.count[0], 0);
    ikv_close(store);
    ikv_result_free(result);
    no_ring = false;
}

static int setup(void **state)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state rng = {5};

    (void)group_dir_setup(state);
    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, KEYS, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
    options.layout = IKV_LAYOUT_ARRIVAL;
    path = tmpdir_file(&group_dir, "store");
    store_write(path, &model, &options);
    for (size_t i = 0; i < KEYS; i++)
        memcpy(&keys[i], model.pairs[i].key, sizeof keys[i]);
    return 0;
}

static int teardown(void **state)
{
    free(path);
    model_free(&model);
    return group_dir_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens),
        cmocka_unit_test(damage),
        cmocka_unit_test(fallback),
        cmocka_unit_test(dropped_hints),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
