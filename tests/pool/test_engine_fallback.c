/*
 * Batches that change threads: if the calling thread cannot read without blocking, the workers run
 * the batch; if no worker can be started, the calling thread runs it after all.
 */
#include "indexkv.h"

#include "engines.h"
#include "fixtures.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/uio.h>

#include <cmocka.h>

/* Global, as --wrap functions take no context. */
static struct {
    bool no_threads;
    int fail_from; /* number of non-blocking reads that succeed before the rest fail */
    int code;
    int reads;
} faults;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    return faults.no_threads ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

/* Non-blocking reads depend on the file system; here the test controls them. preadv64v2 is the same
 * call with large file support. */
ssize_t __wrap_preadv2(int fd, const struct iovec *vector, int count, off_t offset, int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *vector, int count, off_t offset, int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *vector, int count, off_t offset, int flags)
{
    return __wrap_preadv2(fd, vector, count, offset, flags);
}

ssize_t __wrap_preadv2(int fd, const struct iovec *vector, int count, off_t offset, int flags)
{
    (void)flags;
    if (faults.reads++ >= faults.fail_from) {
        errno = faults.code;
        return -1;
    }
    return preadv(fd, vector, count, offset);
}

/* Values are so large that each needs its own read. */
static void make_store(const char *path, rng_state *rng, store_model *ret_model)
{
    const ikv_writer_options options = store_options(IKV_KEY_U64);
    const size_t size = 100000;
    unsigned char *value = must_malloc(size);

    rng_fill(rng, value, size);
    model_init(ret_model, IKV_KEY_U64);
    for (uint64_t key = 0; key < 40; key++) {
        const uint64_t spread = key * 1000;
        model_add(ret_model, &spread, value + key, size - key);
    }
    model_sort(ret_model, MODEL_KEEP_ALL);
    store_write(path, ret_model, &options);
    free(value);
}

/* Wherever the first attempt stopped, the answers are complete and each key is counted once. */
static void batch_restarts_in_other_thread(void **state)
{
    static const open_mode auto_mode = {"auto", IKV_BACKEND_AUTO, 0};
    static const int codes[] = {EAGAIN, EOPNOTSUPP};
    char *path = tmpdir_file(*state, "store");
    ikv_result *result = NULL;
    store_model model;
    rng_state rng = {5};

    make_store(path, &rng, &model);
    assert_ok(ikv_result_new(&result), NULL);
    for (int round = 0; round < 200; round++) {
        size_t count;
        unsigned char *keys =
            batch_keys(&model, &rng, round % 3 ? BATCH_ALL : BATCH_MIXED, 40, &count);
        ikv_get_options options = IKV_GET_OPTIONS_INIT;
        ikv_error err;

        faults.no_threads = round % 2 == 0;
        faults.fail_from = (int)rng_below(&rng, 60);
        faults.code = codes[round / 4 % 2];
        faults.reads = 0;
        options.match = (ikv_match)(round % 3);
        ikv_store *store = engine_open(path, IKV_KEY_U64, &auto_mode, NULL);
        assert_ok(ikv_get_many(store, keys, count, &options, result, &err), &err);
        assert_true(batch_is_right(&model, keys, count, options.match, result));
        const ikv_stats *stats = ikv_result_stats(result);
        assert_int_equal(stats->keys, count);
        assert_int_equal(stats->found + stats->missing, count);
        assert_true(stats->records <= stats->found);
        assert_null(ikv_result_problem(result));
        ikv_close(store);
        free(keys);
    }
    ikv_result_free(result);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(batch_restarts_in_other_thread)};

    return cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
}
