/*
 * Backends under changes: one result used with stores of several backends in turn, taken over by
 * one thread after the other while none of the earlier ones lives, used by parent and child at the
 * same time; and files that are cut under their open stores.
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

static const struct way {
    ikv_backend backend;
    uint32_t flags;
} ways[] = {
    {IKV_BACKEND_PREAD, 0},
    {IKV_BACKEND_PREAD, IKV_OPEN_DIRECT},
    {IKV_BACKEND_URING, 0},
    {IKV_BACKEND_URING, IKV_OPEN_DIRECT},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* NULL, with the reason printed, where the kernel or the file system refuses it. */
static ikv_store *open_way(const char *path, ikv_key_type type, size_t way, uint64_t index_memory)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.key_type = type;
    options.index_memory = index_memory;
    options.backend = ways[way].backend;
    options.flags = ways[way].flags;
    int code = ikv_open(path, &options, &store, &err);
    if (code != 0) {
        if (way == 0)
            assert_ok(code, &err);
        print_message("not here: %s\n", err.message);
    }
    return store;
}

/* ---------------------------------------------------------------- one result, many stores */

/* Small values and, every hundredth, one that takes many reads; now and then 1 MiB. */
static void fill_mixed(store_model *model, rng_state *rng, size_t count)
{
    const size_t most = (size_t)1 << 20;
    unsigned char *bytes = must_malloc(most);

    rng_fill(rng, bytes, most);
    for (size_t i = 0; i < count; i++) {
        unsigned char key[IKV_KEY_WIDTH_MAX];
        size_t size = (size_t)rng_below(rng, 50);

        hostkey_nth(model->type, i * 3, key);
        if (i % 100 == 7)
            size = (size_t)rng_below(rng, 300000);
        if (i % 1000 == 13)
            size = most - (size_t)rng_below(rng, 5000);
        model_add(model, key, bytes + rng_below(rng, most - size + 1), size);
    }
    free(bytes);
    model_sort(model, MODEL_KEEP_ALL);
}

/* Every way open at once, plain and ours: each call is on another store than the one before. */
static void stores_of_all_backends_in_turn(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U64, IKV_KEY_BYTES(9)};
    static const uint64_t memories[] = {0, 1, 500};
    ikv_store *stores[2 * WAYS] = {NULL};
    ikv_result *result = NULL;
    store_model models[2];
    rng_state random = {21};

    assert_ok(ikv_result_new(&result), NULL);
    for (size_t m = 0; m < 2; m++) {
        ikv_writer_options options = store_options(types[m]);
        char *path = tmpdir_file(*state, m == 0 ? "ours" : "plain");

        model_init(&models[m], types[m]);
        fill_mixed(&models[m], &random, test_scaled(4000));
        options.flags = m == 0 ? 0 : IKV_WRITE_PLAIN;
        store_write(path, &models[m], &options);
        for (size_t way = 0; way < WAYS; way++)
            stores[m * WAYS + way] = open_way(path, types[m], way, memories[way % 3]);
        free(path);
    }
    for (size_t turn = 0; turn < test_scaled(200); turn++) {
        const size_t at = (size_t)rng_below(&random, 2 * WAYS);
        const store_model *model = &models[at / WAYS];
        const size_t width = hostkey_width(model->type);
        const size_t count = (size_t)(turn % 10 == 0 ? 3000 : 1 + rng_below(&random, 30));

        if (stores[at] == NULL)
            continue;
        unsigned char *keys = must_malloc(count * width);
        for (size_t k = 0; k < count; k++)
            model_probe_key(&random, model, keys + k * width);
        assert_batch(stores[at], model, keys, count, (ikv_match)(turn % 3), result);
        assert_string_equal(ikv_result_stats(result)->backend,
                            ways[at % WAYS].backend == IKV_BACKEND_URING ? "uring" : "pread");
        free(keys);
    }
    for (size_t way = 0; way < WAYS; way++)
        if (stores[way] != NULL)
            assert_key_scan(stores[way], &models[0], NULL, NULL, 0, 0);
    for (size_t i = 0; i < 2 * WAYS; i++)
        ikv_close(stores[i]);
    ikv_result_free(result);
    model_free(&models[0]);
    model_free(&models[1]);
}

/* ---------------------------------------------------------------- threads, processes */

struct errand {
    ikv_store *store;
    ikv_result *result;
    uint64_t count; /* of keys, numbered */
    int rounds;
    int code; /* of the first call that failed; 1: a wrong answer */
};

/* Assertions work in the test's own thread and process only. */
static void *run_errand(void *argument)
{
    struct errand *self = argument;
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

/* A thread that has ended leaves its number, as pthreads count them, to the next one: a ring that
 * it opened is not the next one's for that. */
static void threads_one_after_the_other(void **state)
{
    numbered_store s;

    numbered_make(*state, IKV_KEY_U64, 0, 20, 0, &s);
    for (size_t way = 0; way < WAYS; way++) {
        struct errand errand = {
            .store = open_way(s.path, s.type, way, 1), .count = s.count, .rounds = 2};

        if (errand.store == NULL)
            continue;
        assert_ok(ikv_result_new(&errand.result), NULL);
        for (int turn = 0; turn < 30; turn++) {
            pthread_t thread;

            assert_int_equal(pthread_create(&thread, NULL, run_errand, &errand), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
            if (errand.code != 0)
                fail_msg("way %zu, thread %d: %d (%s)", way, turn, errand.code,
                         ikv_strerror(errand.code));
        }
        ikv_result_free(errand.result);
        ikv_close(errand.store);
    }
    numbered_free(&s);
}

/* Both go on with what is one result before the fork, at the same time. */
static void parent_and_child_at_the_same_time(void **state)
{
    numbered_store s;

    numbered_make(*state, IKV_KEY_U64, 0, 20, 0, &s);
    for (size_t way = 0; way < WAYS; way++) {
        struct errand errand = {
            .store = open_way(s.path, s.type, way, 1), .count = s.count, .rounds = 10};

        if (errand.store == NULL)
            continue;
        assert_ok(ikv_result_new(&errand.result), NULL);
        for (int turn = 0; turn < 5; turn++) {
            int status = 0;

            run_errand(&errand); /* opens the ring before the fork */
            assert_int_equal(errand.code, 0);
            pid_t child = fork();
            assert_true(child >= 0);
            run_errand(&errand);
            if (child == 0) {
                ikv_result_free(errand.result);
                ikv_close(errand.store);
                _exit(errand.code == 0 ? 0 : 1);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_int_equal(errand.code, 0);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
        }
        ikv_result_free(errand.result);
        ikv_close(errand.store);
    }
    numbered_free(&s);
}

/* ---------------------------------------------------------------- cut files */

/* Cut in page `page`: keys of earlier pages are answered, those of later ones can't be read. */
static void cut_under(const numbered_store *s, size_t way, uint64_t page)
{
    ikv_store *store = open_way(s->path, s->type, way, 0);
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

static void files_cut_under_open_stores(void **state)
{
    static const uint64_t pages[] = {0, 1, 7, 19};

    for (size_t way = 0; way < WAYS; way++)
        for (size_t p = 0; p < sizeof(pages) / sizeof(pages[0]); p++) {
            numbered_store s;

            numbered_make(*state, IKV_KEY_U64, 0, 20, 0, &s);
            cut_under(&s, way, pages[p]);
            numbered_free(&s);
        }
}

/* Not in memory: direct reads are to meet the alignment of a disk. */
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
        cmocka_unit_test(stores_of_all_backends_in_turn),
        cmocka_unit_test(threads_one_after_the_other),
        cmocka_unit_test(parent_and_child_at_the_same_time),
        cmocka_unit_test(files_cut_under_open_stores),
    };

    return cmocka_run_group_tests(tests, make_directory, tmpdir_teardown);
}
