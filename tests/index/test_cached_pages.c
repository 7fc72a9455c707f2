/*
 * Index pages that were cached by an earlier call must only be used for the file that they were
 * read from. Neither a descriptor nor a time identifies a file: descriptors are reused once closed,
 * and clocks may be coarse or fail.
 */
#include "indexkv.h"

#include "model.h"
#include "open_checks.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STORES 4u
#define PAIRS  3u

/* Global, as --wrap functions take no context. */
static enum { CLOCK_RUNS, CLOCK_STOPPED, CLOCK_FAILS } clock_mode;

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (clock_mode == CLOCK_FAILS) {
        errno = EINVAL;
        return -1;
    }
    if (clock_mode == CLOCK_STOPPED) {
        *ret_time = (struct timespec){1000, 0};
        return 0;
    }
    return __real_clock_gettime(clock, ret_time);
}

static int restart_clock(void **state)
{
    (void)state;
    clock_mode = CLOCK_RUNS;
    return 0;
}

/* ---------------------------------------------------------------- similar stores */

/* Files of equal size and layout, each with different keys. */
static void make_similar(const tmpdir *dir, unsigned number, uint32_t flags, char **ret_path,
                         store_model *ret_model)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    char name[32];

    snprintf(name, sizeof(name), "store%u", number);
    *ret_path = tmpdir_file(dir, name);
    options.flags = flags;
    model_init(ret_model, IKV_KEY_U64);
    for (uint64_t i = 0; i < PAIRS; i++) {
        const uint64_t key = 10 * (number + 1) + i;
        const uint64_t value = 1000 * key;

        model_add(ret_model, &key, &value, sizeof(value));
    }
    model_sort(ret_model, MODEL_KEEP_ALL);
    store_write(*ret_path, ret_model, &options);
}

/* The descriptor that the next open will return. */
static int next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);

    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    return fd;
}

/* Look up keys of all the stores, one by one and in one batch, in every match mode. */
static void look_up_all(ikv_store *store, const store_model *model, ikv_result *result)
{
    uint64_t keys[8];

    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        for (uint64_t number = 1; number <= STORES + 1; number++) {
            const uint64_t key = 10 * number + number % 2;

            assert_get(store, model, &key, (ikv_match)match, result);
        }
        for (uint64_t i = 0; i < 8; i++)
            keys[i] = 5 + 6 * i;
        assert_batch(store, model, keys, 8, (ikv_match)match, result);
    }
}

/* Open stores in random order, with index_memory[round % 2] as in ikv_open_options. */
static void open_in_turn(void **state, uint32_t flags, const uint64_t index_memory[2])
{
    store_model models[STORES];
    char *paths[STORES];
    ikv_result *result = NULL;
    uint64_t cached = 0;
    rng_state random = {7};

    for (unsigned i = 0; i < STORES; i++)
        make_similar(*state, i, flags, &paths[i], &models[i]);
    const int fd = next_descriptor();
    assert_ok(ikv_result_new(&result), NULL);
    for (size_t round = 0; round < 100; round++) {
        const size_t i = (size_t)rng_below(&random, STORES);
        ikv_store *store = store_open(paths[i], IKV_KEY_U64, 0, index_memory[round % 2]);

        look_up_all(store, &models[i], result);
        cached += ikv_result_stats(result)->cached;
        ikv_close(store);
        assert_int_equal(next_descriptor(), fd);
    }
    /* Pages were cached unless there was no memory for them. */
    assert_int_equal(cached > 0, index_memory[0] != 1 || index_memory[1] != 1);
    ikv_result_free(result);
    for (unsigned i = 0; i < STORES; i++) {
        model_free(&models[i]);
        free(paths[i]);
    }
}

static const uint64_t ALL_IN_MEMORY[2] = {0, 0};
static const uint64_t NONE_IN_MEMORY[2] = {1, 1};
static const uint64_t ALTERNATELY_IN_MEMORY[2] = {0, 1};

static void other_file_with_same_descriptor(void **state)
{
    open_in_turn(state, 0, ALTERNATELY_IN_MEMORY);
    open_in_turn(state, IKV_WRITE_PLAIN, ALL_IN_MEMORY);
}

static void other_file_at_same_time(void **state)
{
    clock_mode = CLOCK_STOPPED;
    open_in_turn(state, 0, ALL_IN_MEMORY);
    open_in_turn(state, 0, NONE_IN_MEMORY);
    open_in_turn(state, IKV_WRITE_PLAIN, ALL_IN_MEMORY);
}

/* A page cached by a store that keeps all checksums in memory is stored without its checksum. */
static void same_file_with_less_memory(void **state)
{
    clock_mode = CLOCK_STOPPED;
    open_in_turn(state, 0, ALTERNATELY_IN_MEMORY);
}

/* A new file at the same path, which may get the inode number of the old one. */
static void other_file_at_same_path(void **state)
{
    ikv_result *result = NULL;

    clock_mode = CLOCK_STOPPED;
    assert_ok(ikv_result_new(&result), NULL);
    for (unsigned round = 0; round < 50; round++) {
        store_model model;
        ikv_store *store;
        char *made;
        char *path = tmpdir_file(*state, "replaced");

        (void)unlink(path);
        make_similar(*state, round % STORES, round % 3 ? IKV_WRITE_PLAIN : 0, &made, &model);
        assert_int_equal(rename(made, path), 0);
        store = store_open(path, IKV_KEY_U64, 0, 0);
        look_up_all(store, &model, result);
        ikv_close(store);
        model_free(&model);
        free(made);
        free(path);
    }
    ikv_result_free(result);
}

/* Without a clock, opening may fail; a store that opens must give right answers. */
static void clock_fails(void **state)
{
    store_model models[2];
    char *paths[2];
    ikv_result *result = NULL;

    for (unsigned i = 0; i < 2; i++)
        make_similar(*state, i, IKV_WRITE_PLAIN, &paths[i], &models[i]);
    assert_ok(ikv_result_new(&result), NULL);
    clock_mode = CLOCK_FAILS;
    for (unsigned i = 0; i < 2; i++) {
        ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
        ikv_store *store = NULL;
        ikv_error err;

        options.key_type = IKV_KEY_U64;
        int code = ikv_open(paths[i], &options, &store, &err);
        if (code == 0)
            look_up_all(store, &models[i], result);
        else
            assert_failed(code, -EINVAL, &err, paths[i]);
        ikv_close(store);
    }
    ikv_result_free(result);
    for (unsigned i = 0; i < 2; i++) {
        model_free(&models[i]);
        free(paths[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_file_with_same_descriptor),
        cmocka_unit_test_teardown(other_file_at_same_time, restart_clock),
        cmocka_unit_test_teardown(same_file_with_less_memory, restart_clock),
        cmocka_unit_test_teardown(other_file_at_same_path, restart_clock),
        cmocka_unit_test_teardown(clock_fails, restart_clock),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
