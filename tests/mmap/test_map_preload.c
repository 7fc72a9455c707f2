/* Preloaded, copied and locked stores: what is in memory, in which pages, and resource limits. */
#include "map_fixture.h"
#include "platform.h"

#include "scale.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HUGE ((uint64_t)2 << 20)

/* ---------------------------------------------------------------- copies and huge pages */

/* The copy answers, whatever becomes of the file's bytes; but not if it is truncated. */
static void copied_file(void **state)
{
    char *path = tmpdir_file(*state, "copied");
    const open_mode mode = {"copied", IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD | IKV_OPEN_COPY};
    ikv_result *result = NULL;
    store_model model;
    size_t size = 0;
    ikv_info info;

    map_make(path, 3000, 1000, 0, &model);
    ikv_store *store = engine_open(path, 0, &mode, NULL);
    ikv_store_info(store, &info);
    assert_int_equal(info.copied, info.file_size);
    assert_int_equal(info.resident, info.file_size);
    assert_ok(ikv_result_new(&result), NULL);
    unsigned char *bytes = file_read(path, &size);
    memset(bytes + 24, 0x55, size - 24);
    file_patch(path, 0, bytes, size);
    for (size_t i = 0; i < 100; i++) {
        assert_get(store, &model, model.sorted[i * 30]->key, IKV_EXACT, result);
        assert_string_equal(ikv_result_stats(result)->backend, "mmap");
    }
    file_truncate(path, size / 2);
    assert_int_equal(
        ikv_get_many(store, model.sorted[model.sorted_count - 1]->key, 1, NULL, result, NULL),
        IKV_E_TRUNCATED);
    free(bytes);
    ikv_result_free(result);
    ikv_close(store);
    model_free(&model);
    free(path);
}

static size_t count_huge(const char *path, uint32_t flags)
{
    const open_mode mode = {"loaded", IKV_BACKEND_AUTO, flags};
    ikv_store *store = engine_open(path, 0, &mode, NULL);
    const int pagemap = ikv_platform_open_pagemap();
    size_t huge = 0;

    for (uint64_t at = 0; at + HUGE <= store->file_size; at += HUGE)
        huge += ikv_platform_is_entered(pagemap, store->map->bytes + at, HUGE, IKV_PAGES_HUGE) == 1;
    if (pagemap >= 0)
        (void)close(pagemap);
    ikv_close(store);
    return huge;
}

/* A file in small pages is in huge ones after it was preloaded. */
static void preloading_enlarges_pages(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make(&dir);
    char *path = tmpdir_file(&dir, "built");
    char *copy = tmpdir_file(&dir, "copy");
    store_model model;
    size_t size = 0;

    map_make(path, 4000, 4000, 0, &model);
    unsigned char *bytes = file_read(path, &size);
    const size_t built = count_huge(path, IKV_OPEN_PRELOAD);
    if (built > 0) { /* the system has huge pages for files */
        file_write(copy, bytes, 4096);
        for (size_t at = 4096; at < size; at += 4096)
            file_patch(copy, at, bytes + at, size - at < 4096 ? size - at : 4096);
        const int fd = open(copy, O_RDONLY);
        assert_true(fd >= 0 && fsync(fd) == 0); /* dirty pages stay */
        (void)close(fd);
        assert_int_equal(count_huge(copy, IKV_OPEN_PRIME), 0);
        assert_true(count_huge(copy, IKV_OPEN_PRELOAD) + 1 >= built);
    }
    free(bytes);
    free(path);
    free(copy);
    model_free(&model);
    tmpdir_remove(&dir);
    if (built == 0)
        skip();
}

/* ---------------------------------------------------------------- limits */

static void locked_memory(void **state)
{
    char *path = tmpdir_file(*state, "locked");
    store_model model;
    ikv_info info;

    map_make(path, 200, 100, 0, &model);
    for (int m = 0; m < 2; m++) {
        const open_mode mode = {"locked", m ? IKV_BACKEND_MMAP : IKV_BACKEND_AUTO,
                                IKV_OPEN_PRELOAD | IKV_OPEN_LOCK};
        ikv_result *result = NULL;
        ikv_store *store = engine_open(path, 0, &mode, NULL);

        ikv_store_info(store, &info);
        assert_int_equal(info.locked, 1);
        assert_int_equal(info.mapped, info.file_size);
        if (m == 0)
            assert_int_equal(info.resident, info.file_size);
        assert_ok(ikv_result_new(&result), NULL);
        assert_batch(store, &model, model.sorted[0]->key, 1, IKV_EXACT, result);
        /* A leaf has its records. */
        assert_int_equal(ikv_result_stats(result)->mapped,
                         info.layout == IKV_LAYOUT_CLUSTERED ? 1 : 2);
        ikv_result_free(result);
        ikv_close(store);
    }
    model_free(&model);
    free(path);
}

/* setrlimit's own type for these differs between systems. */
enum limited { LOCKED_MEMORY, ADDRESS_SPACE };

/* Open the store in a child process without privileges and with a resource limit. Returns 0 and the
 * code and message of ikv_open, or nonzero if the child failed. */
static int open_with_limit(const char *path, ikv_backend backend, uint32_t flags,
                           enum limited limited, rlim_t value, int *ret_code, char *ret_message)
{
    struct report {
        int code;
        char message[512];
    } report = {0};
    int fds[2];

    if (pipe(fds) != 0)
        return 1;
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit new_limit = {value, value};
        ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
        ikv_store *store = NULL;
        ikv_error err;

        options.backend = backend;
        options.flags = flags;
        if (setrlimit(limited == LOCKED_MEMORY ? RLIMIT_MEMLOCK : TEST_RLIMIT_AS, &new_limit) !=
                0 ||
            (geteuid() == 0 && setuid(65534) != 0))
            _exit(2);
        report.code = ikv_open(path, &options, &store, &err);
        if (report.code != 0)
            (void)snprintf(report.message, sizeof report.message, "%s", err.message);
        ikv_close(store);
        _exit(write(fds[1], &report, sizeof report) != (ssize_t)sizeof report);
    }
    (void)close(fds[1]);
    const bool has_report = read(fds[0], &report, sizeof report) == (ssize_t)sizeof report;
    int status = 0;
    (void)close(fds[0]);
    (void)waitpid(child, &status, 0);
    *ret_code = report.code;
    (void)snprintf(ret_message, sizeof report.message, "%s", report.message);
    return !has_report || status != 0;
}

static void resource_limits(void **state)
{
    if (test_is_sanitized()) /* sanitizers need a large address space */
        skip();
    const uint32_t lock = IKV_OPEN_PRELOAD | IKV_OPEN_LOCK;
    char *path = tmpdir_file(*state, "limited");
    char message[512];
    store_model model;
    int code = 0;

    map_make(path, 4000, 20000, 0, &model); /* 80 MB */
    assert_int_equal(chmod(((tmpdir *)*state)->path, 0755), 0);
    assert_int_equal(chmod(path, 0644), 0);
    for (int backend = 0; backend < 2; backend++) {
        const ikv_backend mode = backend ? IKV_BACKEND_MMAP : IKV_BACKEND_AUTO;

        assert_int_equal(open_with_limit(path, mode, lock, LOCKED_MEMORY, 0, &code, message), 0);
        if (code == -EACCES) /* a parent directory is private */
            skip();
        assert_true(code == -EPERM || code == -ENOMEM || code == -EAGAIN);
        assert_non_null(strstr(message, "RLIMIT_MEMLOCK"));
        assert_non_null(strstr(message, path));
        assert_int_equal(
            open_with_limit(path, mode, IKV_OPEN_PRELOAD, LOCKED_MEMORY, 0, &code, message), 0);
        assert_int_equal(code, 0);
        if (!TEST_LIMITS_ADDRESSES)
            continue;
        assert_int_equal(
            open_with_limit(path, mode, 0, ADDRESS_SPACE, (rlim_t)70 << 20, &code, message), 0);
        assert_int_equal(code, backend ? -ENOMEM : 0);
        if (backend)
            assert_non_null(strstr(message, "cannot map"));
    }
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copied_file),
        cmocka_unit_test(preloading_enlarges_pages),
        cmocka_unit_test(locked_memory),
        cmocka_unit_test(resource_limits),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
