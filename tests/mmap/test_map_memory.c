/*
 * Memory of mapped lookups: a batch takes bounded memory however often it repeats a key, and every
 * allocation and every mapping may fail.
 */
#include "map_fixture.h"

#include "fault_alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- mappings that fail */

static int mmap_error; /* of mappings of files; 0 if they succeed */

void *__real_mmap(void *start, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *start, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_mmap64(void *start, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_mmap(void *start, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (mmap_error && protection == PROT_READ) {
        errno = mmap_error;
        return MAP_FAILED;
    }
    return __real_mmap(start, size, protection, flags, fd, offset);
}

void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (mmap_error && protection == PROT_READ) {
        errno = mmap_error;
        return MAP_FAILED;
    }
    return __real_mmap64(start, size, protection, flags, fd, offset);
}

/* IKV_BACKEND_AUTO works without a mapping. Opening fails if the caller requested the mapping, or a
 * flag that needs it. Tests small files, and files large enough to be aligned to huge pages. */
static void mapping_fails(void **state)
{
    static const uint32_t flags[] = {0, IKV_OPEN_PRIME, IKV_OPEN_PRELOAD, IKV_OPEN_PRELOAD_INDEX};
    static const int codes[] = {ENOMEM, ENODEV, EPERM};
    char *path = tmpdir_file(*state, "unmapped");

    for (uint64_t large = 0; large < 2; large++) {
        const uint64_t count = 100;
        store_model model;

        map_make(path, count, large ? 30000 : 10, 0, &model);
        for (size_t c = 0; c < 3; c++)
            for (size_t f = 0; f < 4; f++)
                for (int backend = 0; backend < 2; backend++) {
                    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
                    ikv_store *store = NULL;
                    ikv_result *result = NULL;
                    ikv_error err;
                    ikv_info info;

                    options.backend = backend ? IKV_BACKEND_MMAP : IKV_BACKEND_AUTO;
                    options.flags = flags[f];
                    const size_t before = process_descriptors();
                    mmap_error = codes[c];
                    const int code = ikv_open(path, &options, &store, &err);
                    mmap_error = 0;
                    if (backend || flags[f]) {
                        assert_failed(code, -codes[c], &err, path);
                        assert_non_null(strstr(err.message, "cannot map"));
                        assert_null(store);
                        assert_int_equal(process_descriptors(), before);
                        continue;
                    }
                    assert_ok(code, &err);
                    ikv_store_info(store, &info);
                    assert_int_equal(info.mapped, 0);
                    assert_int_equal(info.resident, 0);
                    assert_ok(ikv_result_new(&result), NULL);
                    for (uint64_t i = 0; i < count; i++)
                        assert_get(store, &model, model.pairs[i].key, IKV_EXACT, result);
                    assert_int_equal(ikv_result_stats(result)->mapped, 0);
                    ikv_result_free(result);
                    ikv_close(store);
                }
        model_free(&model);
    }
    free(path);
}

/* ---------------------------------------------------------------- bounds */

/* Repeated keys are not merged when looked up in memory, so each takes a copy of the value. All
 * shards together may copy 64 MiB at most. */
static void repeated_keys_take_bounded_memory(void **state)
{
    enum { KEYS = 40000 };
    /* Records outside leaves are not looked up in memory one by one. */
    const size_t value = store_layout() == IKV_LAYOUT_CLUSTERED ? 3000 : 50000;
    const size_t copies = ((size_t)64 << 20) + 2 * value + (size_t)KEYS * 300 + ((size_t)8 << 20);
    char *path = tmpdir_file(*state, "repeated");
    uint64_t *keys = must_malloc(KEYS * sizeof *keys);
    store_model model;
    ikv_error err;

    map_make(path, 2, value, 0, &model);
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = i % 1000 == 0; /* 0, with few exceptions */
    for (uint32_t threads = 1; threads <= 4; threads += 3) {
        const open_mode mode = {"auto", IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD};
        const size_t limit = copies + threads * (size_t)256 * 36 * 1024; /* and their rings */
        ikv_engine *engine = engine_make(threads, 0, 0, 0);
        ikv_store *store = engine_open(path, 0, &mode, engine);
        ikv_result *result = NULL;

        assert_ok(ikv_result_new(&result), NULL);
        fault_alloc_start(FAULT_ALLOC_NONE, false);
        assert_ok(ikv_get_many(store, keys, KEYS, NULL, result, &err), &err);
        const fault_alloc_report report = fault_alloc_stop();
        assert_true(ikv_result_stats(result)->mapped > 1000);
        for (size_t i = 0; i < KEYS; i += i % 1000 ? 97 : 1)
            assert_item(&model, &keys[i], IKV_EXACT, &ikv_result_items(result)[i]);
        if (report.peak > limit)
            fail_msg("%u threads: %zu bytes, %zu allowed", threads, report.peak, limit);
        ikv_result_free(result);
        ikv_close(store);
        ikv_engine_close(engine);
    }
    model_free(&model);
    free(keys);
    free(path);
}

/* ---------------------------------------------------------------- allocations that fail */

/* Open, look up, close. Returns the first error, or 1 for a wrong answer. */
static int use_store(const char *path, const store_model *model, const open_mode *mode,
                     uint32_t flags, const uint64_t *keys, size_t count)
{
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_result *result = NULL;
    ikv_error err;

    open.backend = mode->backend;
    open.flags = mode->flags;
    options.flags = flags;
    int code = ikv_open(path, &open, &store, &err);
    if (code == 0)
        code = ikv_result_new(&result);
    for (int round = 0; round < 2 && code == 0; round++) {
        code = ikv_get_many(store, keys, count, &options, result, &err);
        for (size_t i = 0; i < count && code == 0; i++)
            if (flags == 0 &&
                !item_is_right(model, &keys[i], IKV_EXACT, &ikv_result_items(result)[i]))
                code = 1;
    }
    ikv_result_free(result);
    ikv_close(store);
    return code;
}

static void any_allocation_may_fail(void **state)
{
    static const open_mode modes[] = {{"auto", IKV_BACKEND_AUTO, 0},
                                      {"auto, loaded", IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD},
                                      {"mmap", IKV_BACKEND_MMAP, 0}};
    char *path = tmpdir_file(*state, "oom");
    uint64_t keys[400];
    store_model model;

    map_make(path, 350, 60, 0, &model); /* two pages; the last keys are absent */
    for (uint64_t i = 0; i < 400; i++)
        keys[i] = i * 7 % 400;
    for (size_t m = 0; m < 3; m++)
        for (uint32_t flags = 0; flags <= IKV_GET_IN_PLACE; flags += IKV_GET_IN_PLACE)
            for (int for_good = 0; for_good < 2; for_good++)
                for (uint64_t index = 0;; index++) {
                    const size_t live = fault_alloc_live();
                    fault_alloc_start(index, for_good != 0);
                    const int code = use_store(path, &model, &modes[m], flags, keys, 400);
                    const fault_alloc_report report = fault_alloc_stop();

                    assert_int_equal(fault_alloc_live(), live);
                    if (report.failed == 0) {
                        assert_int_equal(code, 0);
                        assert_true(index > 10);
                        break;
                    }
                    /* Some memory is optional: for cached index pages, for a ring. */
                    if (code != 0)
                        assert_int_equal(code, -ENOMEM);
                }
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_fails),
        cmocka_unit_test(repeated_keys_take_bounded_memory),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
