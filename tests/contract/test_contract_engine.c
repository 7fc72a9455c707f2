/*
 * Rings that cannot be set up, because of seccomp filters, as in containers, or limits: backend
 * "auto" falls back to pread with the same answers and reports the reason, "uring" fails with the
 * reason. Each case runs in its own process, since a filter cannot be removed.
 */
#include "indexkv.h"

#include "child.h"
#include "engines.h"
#include "fixtures.h"
#include "variants.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

static store_fixture fixture;

/* ---------------------------------------------------------------- seccomp */

/* Makes the system call fail with this error, in this thread and threads it creates. */
static void forbid(long call, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

    CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHILD_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* ---------------------------------------------------------------- expected results */

static ikv_store *child_open(ikv_backend backend)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;

    options.backend = backend;
    options.flags = backend == IKV_BACKEND_AUTO ? IKV_OPEN_NO_MAP : 0;
    CHILD_CHECK(ikv_open(fixture.path, &options, &store, NULL) == 0);
    return store;
}

/* Looks up a batch, checks the answers and returns its statistics. */
static void child_batch(ikv_store *store, ikv_stats *ret_stats)
{
    ikv_result *result = NULL;

    CHILD_CHECK(ikv_result_new(&result) == 0);
    CHILD_CHECK(ikv_get_many(store, fixture.keys, fixture.count, NULL, result, NULL) == 0);
    CHILD_CHECK(batch_is_right(&fixture.model, fixture.keys, fixture.count, IKV_EXACT, result));
    *ret_stats = *ikv_result_stats(result);
    CHILD_CHECK(ikv_get_many(store, fixture.keys, 8, NULL, result, NULL) == 0);
    CHILD_CHECK(batch_is_right(&fixture.model, fixture.keys, 8, IKV_EXACT, result));
    ikv_result_free(result);
}

static void child_auto_falls_back(ikv_store *store, int code)
{
    ikv_stats stats;

    child_batch(store, &stats);
    CHILD_CHECK(strcmp(stats.backend, "pread") == 0);
    CHILD_CHECK(stats.fallback == code);
}

/* On a store opened while rings were available. */
static void child_uring_fails(ikv_store *store, int code, const char *reason)
{
    ikv_result *result = NULL;
    ikv_error err;

    CHILD_CHECK(ikv_result_new(&result) == 0);
    CHILD_CHECK(ikv_get_many(store, fixture.keys, fixture.count, NULL, result, &err) == code);
    CHILD_CHECK(ikv_result_count(result) == 0);
    CHILD_CHECK(ikv_result_code(result) == code);
    CHILD_CHECK(err.code == code && strstr(err.message, reason) != NULL);
    CHILD_CHECK(ikv_result_stats(result)->fallback == code);
    ikv_result_free(result);
}

static void child_open_fails(int code, const char *reason)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_error err;

    options.backend = IKV_BACKEND_URING;
    CHILD_CHECK(ikv_open(fixture.path, &options, &store, &err) == code);
    CHILD_CHECK(store == NULL && strstr(err.message, reason) != NULL);
}

static void child_with_seccomp(void *user)
{
    const int error = *(const int *)user;
    const char *reason = error == EPERM ? "EPERM" : "ENOSYS";
    const size_t descriptors = process_descriptors();
    ikv_store *with_ring = child_open(IKV_BACKEND_URING);
    ikv_store *before = child_open(IKV_BACKEND_AUTO);

    forbid(SYS_io_uring_setup, error);
    ikv_store *after = child_open(IKV_BACKEND_AUTO);
    child_auto_falls_back(before, -error);
    child_auto_falls_back(after, -error);
    child_uring_fails(with_ring, -error, reason);
    child_open_fails(-error, reason);
    ikv_close(with_ring);
    ikv_close(before);
    ikv_close(after);
    CHILD_CHECK(process_descriptors() == descriptors);
}

static void seccomp_refuses(void **state)
{
    int errors[] = {EPERM, ENOSYS};

    (void)state;
    in_child(child_with_seccomp, &errors[0]);
    in_child(child_with_seccomp, &errors[1]);
}

/* Registered buffers count as locked memory. Without them, a ring still works. */
static void child_without_locked_memory(void *user)
{
    const struct rlimit none = {0, 0};
    ikv_store *store = child_open(IKV_BACKEND_AUTO);
    ikv_stats stats;

    (void)user;
    CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    child_batch(store, &stats);
    CHILD_CHECK(stats.fallback != 0 ? strcmp(stats.backend, "pread") == 0
                                    : strcmp(stats.backend, "uring") == 0);
    ikv_close(store);
}

static void no_locked_memory(void **state)
{
    (void)state;
    in_child(child_without_locked_memory, NULL);
}

/* Whether a batch on backend "uring" gets a ring. */
static int child_has_ring(ikv_store *store)
{
    ikv_result *result = NULL;

    CHILD_CHECK(ikv_result_new(&result) == 0);
    const int code = ikv_get_many(store, fixture.keys, fixture.count, NULL, result, NULL);
    CHILD_CHECK(code == 0 || code == -EMFILE);
    if (code == 0) {
        CHILD_CHECK(batch_is_right(&fixture.model, fixture.keys, fixture.count, IKV_EXACT, result));
        CHILD_CHECK(strcmp(ikv_result_stats(result)->backend, "uring") == 0);
    }
    ikv_result_free(result);
    return code == 0;
}

static void child_without_descriptors(void *user)
{
    const struct timespec moment = {.tv_nsec = 50000000};
    ikv_store *store = child_open(IKV_BACKEND_AUTO);
    ikv_store *with_ring = child_open(IKV_BACKEND_URING);
    struct rlimit before;
    struct rlimit few;
    ikv_stats stats;

    (void)user;
    CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = 1;
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    child_auto_falls_back(store, -EMFILE);
    child_uring_fails(with_ring, -EMFILE, "EMFILE");
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    stats.fallback = -EMFILE;
    for (int tries = 0; tries < 200 && stats.fallback != 0; tries++) {
        (void)nanosleep(&moment, NULL);
        child_batch(store, &stats);
    }
    CHILD_CHECK(stats.fallback == 0);
    int good = 0; /* in a row, since each worker waits a second before it tries again */
    for (int tries = 0; tries < 200 && good < 5; tries++) {
        good = child_has_ring(with_ring) ? good + 1 : 0;
        (void)nanosleep(&moment, NULL);
    }
    CHILD_CHECK(good == 5);
    ikv_close(store);
    ikv_close(with_ring);
}

static void no_descriptors(void **state)
{
    (void)state;
    in_child(child_without_descriptors, NULL);
}

static int group_setup(void **state)
{
    (void)state;
    store_fixture_make(&fixture, 3000, MODEL_SIZES_SMALL, BATCH_MIXED, 1000);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    store_fixture_free(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seccomp_refuses),
        cmocka_unit_test(no_locked_memory),
        cmocka_unit_test(no_descriptors),
    };
    variant_require_uring();
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
