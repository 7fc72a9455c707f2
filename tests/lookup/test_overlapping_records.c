/*
 * Overlapping records in a forged plain file: each fits into the file, but together they are many
 * times larger. A call must not use more memory than a small multiple of the file size. The limit
 * must not affect intact stores.
 */
#include "indexkv.h"

#include "engines.h"
#include "model.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"
#include "trailer_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER_SIZE 24u
#define AREA        (1u << 20) /* of records */
#define RECORD      (1u << 19) /* size of each record, by its size field */
#define PAIRS       20000u
#define KEYS        3000u
#define STRIDE      16u
#define ROUNDS_MAX  16u /* rounds of the search, each of which may fetch all records once */
#define MEMORY_MAX  (UINT64_C(48) << 20) /* the records alone would be KEYS * RECORD = 1.5 GiB */

/* The record area consists of size fields only. A record begins at each of them. */
static void write_forged(const char *path)
{
    const size_t size = HEADER_SIZE + AREA + PAIRS * STRIDE;
    unsigned char *bytes = must_malloc(size);

    memset(bytes, 0, size);
    edit_store(bytes, 2, 2);
    edit_store(bytes + 2, 1, 1);
    edit_store(bytes + 3, 8, PAIRS);
    edit_store(bytes + 11, 8, HEADER_SIZE + AREA);
    for (size_t at = 0; at < AREA; at += 4)
        edit_store(bytes + HEADER_SIZE + at, 4, RECORD);
    for (size_t i = 0; i < PAIRS; i++) {
        unsigned char *entry = bytes + HEADER_SIZE + AREA + i * STRIDE;

        edit_store(entry, 8, i);
        edit_store(entry + 8, 8, HEADER_SIZE + 4 * i);
    }
    file_write(path, bytes, size);
    free(bytes);
}

/* Whether the values take bounded memory, and every other item is corrupt. */
static int is_bounded(const ikv_result *result)
{
    const ikv_item *items = ikv_result_items(result);
    uint64_t bytes = 0;
    size_t found = 0;

    for (size_t i = 0; i < ikv_result_count(result); i++) {
        if (items[i].status == IKV_FOUND) {
            bytes += items[i].size;
            found++;
        } else if (items[i].status != IKV_CORRUPT || items[i].value != NULL) {
            return 0;
        }
    }
    return found > 0 && found < KEYS && bytes <= ROUNDS_MAX * (HEADER_SIZE + AREA);
}

typedef int (*bounded_call)(ikv_store *store);

static int call_get_many(ikv_store *store)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    uint64_t keys[KEYS];
    ikv_result *result = NULL;
    int good = ikv_result_new(&result) == 0;

    for (uint64_t i = 0; i < KEYS; i++)
        keys[i] = i * 5 % PAIRS;
    for (int match = IKV_EXACT; match <= IKV_CEILING && good; match++) {
        options.match = (ikv_match)match;
        good = ikv_get_many(store, keys, KEYS, &options, result, NULL) == 0 && is_bounded(result) &&
               ikv_result_problem(result) != NULL &&
               ikv_result_problem(result)->code == IKV_E_RECORD;
    }
    ikv_result_free(result);
    return good;
}

static int call_scan(ikv_store *store)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scan = NULL;
    ikv_item item;
    int code;

    options.limit = KEYS;
    code = ikv_scan_open(store, &options, &scan, NULL);
    while (code == 0)
        code = ikv_scan_next(scan, &item, NULL);
    ikv_scan_close(scan);
    return code == IKV_E_END;
}

/* Runs the call in a child process, whose peak memory does not include earlier tests. */
static void assert_memory_is_bounded(const char *path, bounded_call call)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
        ikv_store *store = NULL;
        int good;

        options.key_type = IKV_KEY_U64;
        if (ikv_open(path, &options, &store, NULL) != 0)
            _exit(3);
        const uint64_t before = process_peak_memory();
        good = call(store);
        const uint64_t after = process_peak_memory();
        ikv_close(store);
        if (!good)
            _exit(1);
        _exit(after - before > MEMORY_MAX ? 2 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        fail_msg("a call took more than %llu bytes", (unsigned long long)MEMORY_MAX);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void memory_of_batch_is_bounded(void **state)
{
    char *path = tmpdir_file(*state, "overlapping");

    write_forged(path);
    assert_memory_is_bounded(path, call_get_many);
    free(path);
}

static void memory_of_scan_is_bounded(void **state)
{
    char *path = tmpdir_file(*state, "overlapping");

    write_forged(path);
    assert_memory_is_bounded(path, call_scan);
    free(path);
}

/* ---------------------------------------------------------------- intact stores */

/* Thousands of keys match a few large records: each record is counted once. */
static void many_keys_match_few_records(void **state)
{
    char *path = tmpdir_file(*state, "intact");
    const size_t size = RECORD;
    unsigned char *value = must_malloc(size);
    uint64_t *keys = must_malloc(5 * KEYS * sizeof(*keys));
    rng_state random = {4};

    rng_fill(&random, value, size);
    for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
        ikv_writer_options options = store_options(IKV_KEY_U64);
        ikv_result *result = NULL;
        store_model model;
        ikv_store *store;

        model_init(&model, IKV_KEY_U64);
        for (uint64_t i = 0; i < 5; i++) {
            const uint64_t key = 1000 + 1000000 * i;

            model_add(&model, &key, value + i, size - i);
        }
        model_sort(&model, MODEL_KEEP_ALL);
        options.flags = flags;
        store_write(path, &model, &options);
        store = store_open(path, IKV_KEY_U64, 0, 0);
        assert_ok(ikv_result_new(&result), NULL);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
            for (size_t i = 0; i < 5 * KEYS; i++)
                keys[i] = rng_below(&random, 5000000);
            for (size_t i = 0; i < 5; i++)
                keys[i] = 1000 + 1000000 * i;
            assert_batch(store, &model, keys, 5 * KEYS, (ikv_match)match, result);
            /* Keys on both sides of a shard boundary may match the same record. */
            assert_in_range(ikv_result_stats(result)->records, 5,
                            5 + ikv_result_stats(result)->shards - 1);
        }
        ikv_result_free(result);
        ikv_close(store);
        model_free(&model);
    }
    free(value);
    free(keys);
    free(path);
}

/* A record that is the first of its leaf and larger than all others together; keys below the leaf's
 * fence, some of them at the place to which it is rounded. The record is read once for each kind of
 * keys, which are searched for at different times. */
static void keys_at_a_rounded_fence(void **state)
{
    enum { LEAF_PAIRS = 9, PAIRS_HERE = 100 * LEAF_PAIRS, LARGE = 46 * LEAF_PAIRS };
    char *path = tmpdir_file(*state, "rounded");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    const size_t size = 2 << 20;
    unsigned char *value = calloc(1, size);
    open_mode modes[OPEN_MODES_MAX];
    ikv_result *result = NULL;
    rng_state random = {5};
    store_model model;
    uint64_t large = 0;

    assert_non_null(value);
    model_init(&model, IKV_KEY_U64);
    for (uint64_t i = 1; i <= PAIRS_HERE; i++) { /* LEAF_PAIRS fill a leaf but for 3 bytes */
        const uint64_t key = (i << 40) + rng_below(&random, 1 << 30);
        model_add(&model, &key, value, i == LARGE ? size : 435);
        large = i == LARGE ? key : large;
    }
    model_sort(&model, MODEL_KEEP_ALL);
    options.layout = IKV_LAYOUT_CLUSTERED;
    options.leaf_size = 4096;
    store_write(path, &model, &options);
    assert_ok(ikv_result_new(&result), NULL);
    const uint64_t keys[] = {large - (UINT64_C(1) << 39), large - 70, large - 2, large - 1, large};
    const size_t count = open_modes(path, IKV_KEY_U64, modes);
    for (size_t i = 0; i < count; i++) {
        ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
        ikv_store *store = NULL;
        ikv_info info;

        open.backend = modes[i].backend;
        open.flags = modes[i].flags;
        open.index_memory = 500;
        assert_ok(ikv_open(path, &open, &store, NULL), NULL);
        ikv_store_info(store, &info); /* all fences, rounded */
        assert_int_equal(info.fences, info.index_pages);
        assert_true(info.index_memory < info.fences * sizeof(uint64_t));
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(store, &model, keys, 5, (ikv_match)match, result);
        ikv_close(store);
    }
    ikv_result_free(result);
    model_free(&model);
    free(value);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_batch_is_bounded),
        cmocka_unit_test(memory_of_scan_is_bounded),
        cmocka_unit_test(many_keys_match_few_records),
        cmocka_unit_test(keys_at_a_rounded_fence),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
