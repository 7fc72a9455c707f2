/*
 * Changing circumstances: one result used alternately with stores of several backends, in threads
 * one after another, and in parent and child at the same time; files truncated under open stores.
 */
#include "indexkv.h"

#include "hostkey.h"
#include "model.h"
#include "numbered.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct mode {
    ikv_backend backend;
    uint32_t flags;
} modes[] = {
    {IKV_BACKEND_PREAD, 0},
    {IKV_BACKEND_PREAD, IKV_OPEN_DIRECT},
    {IKV_BACKEND_URING, 0},
    {IKV_BACKEND_URING, IKV_OPEN_DIRECT},
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

/* Returns NULL and prints the reason if the mode is not supported here. */
static ikv_store *open_with_mode(const char *path, ikv_key_type type, size_t mode,
                                 uint64_t index_memory)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = type;
    options.index_memory = index_memory;
    options.backend = modes[mode].backend;
    options.flags = modes[mode].flags;
    int code = ikv_open(path, &options, &store, &err);
    if (code != 0) {
        if (mode == 0)
            assert_ok(code, &err);
        print_message("not supported: %s\n", err.message);
    }
    return store;
}

/* ---------------------------------------------------------------- one result, many stores */

/* Small values, every hundredth one longer than a read, some of almost 1 MiB. */
static void fill_mixed(store_model *model, rng_state *rng, size_t count)
{
    const size_t max = (size_t)1 << 20;
    unsigned char *bytes = must_malloc(max);

    rng_fill(rng, bytes, max);
    for (size_t i = 0; i < count; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];
        size_t size = (size_t)rng_below(rng, 50);

        hostkey_nth(model->type, i * 3, key);
        if (i % 100 == 7)
            size = (size_t)rng_below(rng, 300000);
        if (i % 1000 == 13)
            size = max - (size_t)rng_below(rng, 5000);
        model_add(model, key, bytes + rng_below(rng, max - size + 1), size);
    }
    free(bytes);
    model_sort(model, MODEL_KEEP_ALL);
}

/* Stores in all modes, plain and native, are open at once and used in random order. */
static void one_result_with_many_stores(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U64, IKV_KEY_BYTES(9)};
    static const uint64_t memories[] = {0, 1, 500};
    ikv_store *stores[2 * MODES] = {NULL};
    ikv_result *result = NULL;
    store_model models[2];
    rng_state random = {21};

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t m = 0; m < 2; m++) {
        ikv_writer_options options = store_options(types[m]);
        char *path = tmpdir_file(*state, m == 0 ? "native" : "plain");

        model_init(&models[m], types[m]);
        fill_mixed(&models[m], &random, test_scaled(4000));
        options.flags = m == 0 ? 0 : IKV_WRITE_PLAIN;
        store_write(path, &models[m], &options);
        for (size_t mode = 0; mode < MODES; mode++)
            stores[m * MODES + mode] = open_with_mode(path, types[m], mode, memories[mode % 3]);
        free(path);
    }
    for (size_t turn = 0; turn < test_scaled(200); turn++) {
        const size_t at = (size_t)rng_below(&random, 2 * MODES);
        const store_model *model = &models[at / MODES];
        const size_t width = hostkey_width(model->type);
        const size_t count = (size_t)(turn % 10 == 0 ? 3000 : 1 + rng_below(&random, 30));

        if (stores[at] == NULL)
            continue;
        unsigned char *keys = must_malloc(count * width);
        for (size_t k = 0; k < count; k++)
            model_probe_key(&random, model, keys + k * width);
        assert_batch(stores[at], model, keys, count, (ikv_match)(turn % 3), result);
        assert_string_equal(ikv_result_stats(result)->backend,
                            modes[at % MODES].backend == IKV_BACKEND_URING ? "uring" : "pread");
        free(keys);
    }
    for (size_t mode = 0; mode < MODES; mode++)
        if (stores[mode] != NULL)
            assert_key_scan(stores[mode], &models[0], NULL, NULL, 0, 0);
    for (size_t i = 0; i < 2 * MODES; i++)
        ikv_close(stores[i]);
    ikv_result_free(result);
    model_free(&models[0]);
    model_free(&models[1]);
}

/* ---------------------------------------------------------------- threads, processes */

struct task {
    ikv_store *store;
    ikv_result *result;
    uint64_t count; /* of keys in the store */
    int rounds;
    int code; /* of the first failed call; 1: wrong answer */
};

/* Assertions work only in the main thread of the test process. */
static void *run_task(void *argument)
{
    struct task *self = argument;
    uint64_t keys[500];

    for (int round = 0; round < self->rounds && self->code == 0; round++) {
        for (uint64_t i = 0; i < 500; i++)
            keys[i] = (i * 7919 + (uint64_t)round) % self->count;
        self->code = ikv_get_many(self->store, keys, 500, NULL, self->result, NULL);
        for (size_t i = 0; i < 500 && self->code == 0; i++) {
            const ikv_item *item = &ikv_result_items(self->result)[i];

            if (item->status != IKV_FOUND || memcmp(item->value, &keys[i], sizeof(keys[i])) != 0)
                self->code = 1;
        }
    }
    return NULL;
}

/* A new thread may get the pthread_t of one that has ended, but must not use that one's ring. */
static void threads_one_after_another(void **state)
{
    numbered_store s;

    numbered_make(*state, IKV_KEY_U64, 0, 20, 0, &s);
    for (size_t mode = 0; mode < MODES; mode++) {
        struct task task = {
            .store = open_with_mode(s.path, s.type, mode, 1), .count = s.count, .rounds = 2};

        if (task.store == NULL)
            continue;
        assert_ok(ikv_result_new(&task.result), NULL);
        for (int turn = 0; turn < 30; turn++) {
            pthread_t thread;

            assert_int_equal(pthread_create(&thread, NULL, run_task, &task), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
            if (task.code != 0)
                fail_msg("mode %zu, thread %d: %d (%s)", mode, turn, task.code,
                         ikv_strerror(task.code));
        }
        ikv_result_free(task.result);
        ikv_close(task.store);
    }
    numbered_free(&s);
}

/* Both use the same result, each in its own copy after the fork. */
static void parent_and_child_at_the_same_time(void **state)
{
    numbered_store s;

    numbered_make(*state, IKV_KEY_U64, 0, 20, 0, &s);
    for (size_t mode = 0; mode < MODES; mode++) {
        struct task task = {
            .store = open_with_mode(s.path, s.type, mode, 1), .count = s.count, .rounds = 10};

        if (task.store == NULL)
            continue;
        assert_ok(ikv_result_new(&task.result), NULL);
        for (int turn = 0; turn < 5; turn++) {
            int status = 0;

            run_task(&task); /* opens the ring before the fork */
            assert_int_equal(task.code, 0);
            pid_t child = fork();
            assert_true(child >= 0);
            run_task(&task);
            if (child == 0) {
                ikv_result_free(task.result);
                ikv_close(task.store);
                _exit(task.code == 0 ? 0 : 1);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_int_equal(task.code, 0);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
        }
        ikv_result_free(task.result);
        ikv_close(task.store);
    }
    numbered_free(&s);
}

/* ---------------------------------------------------------------- cut files */

/* Truncated in page `page`: keys of earlier pages are answered, those from it on are unreadable. */
static void truncate_under(const numbered_store *s, size_t mode, uint64_t page)
{
    ikv_store *store = open_with_mode(s->path, s->type, mode, 0);
    uint64_t *keys = must_malloc(s->count * sizeof(*keys));
    const uint64_t bytes = file_size(s->path);
    ikv_result *result = NULL;
    rng_state random = {page};
    ikv_error err;

    if (store == NULL) {
        free(keys);
        return;
    }
    assert_ok(ikv_result_new(&result), NULL);
    for (uint64_t i = 0; i < s->count; i++)
        keys[i] = i;
    rng_shuffle(&random, keys, (size_t)s->count, sizeof(*keys));
    file_truncate(s->path, numbered_entry_offset(s, numbered_first_entry(s, page)) + 100);
    assert_failed(ikv_get_many(store, keys, (size_t)s->count, NULL, result, &err), IKV_E_TRUNCATED,
                  &err, s->path);
    for (uint64_t i = 0; i < s->count; i++) {
        const ikv_item *item = &ikv_result_items(result)[i];

        if (keys[i] >= numbered_first_entry(s, page)) {
            assert_int_equal(item->status, IKV_UNREADABLE);
        } else {
            assert_int_equal(item->status, IKV_FOUND);
            assert_memory_equal(item->value, &keys[i], sizeof(keys[i]));
        }
    }
    file_truncate(s->path, 30);
    const uint64_t last = s->count - 1;
    assert_failed(ikv_get(store, &last, NULL, result, &err), IKV_E_TRUNCATED, &err, s->path);
    assert_true(bytes > file_size(s->path));
    ikv_result_free(result);
    ikv_close(store);
    free(keys);
}

static void files_truncated_under_open_stores(void **state)
{
    static const uint64_t pages[] = {0, 1, 7, 19};

    for (size_t mode = 0; mode < MODES; mode++)
        for (size_t p = 0; p < sizeof(pages) / sizeof(pages[0]); p++) {
            numbered_store s;

            numbered_make(*state, IKV_KEY_U64, 0, 20, 0, &s);
            truncate_under(&s, mode, pages[p]);
            numbered_free(&s);
        }
}

/* On a disk, so that direct reads need its alignment. */
static int make_directory(void **state)
{
    tmpdir *dir = must_malloc(sizeof(*dir));

    tmpdir_make(dir);
    *state = dir;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_result_with_many_stores),
        cmocka_unit_test(threads_one_after_another),
        cmocka_unit_test(parent_and_child_at_the_same_time),
        cmocka_unit_test(files_truncated_under_open_stores),
    };

    return cmocka_run_group_tests(tests, make_directory, tmpdir_teardown);
}
