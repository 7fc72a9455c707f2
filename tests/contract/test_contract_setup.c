/* Setting up rings on older kernels and under limits. */
#include "child.h"
#include "content.h"
#include "fixtures.h"
#include "ring_shim.h"
#include "variants.h"
#include "window.h"

#include "indexkv.h"
#include "iouring/explain.h"
#include "iouring/uring.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM ((size_t)2 * CONTENT_ALIGNMENT)

static struct content file;

static void reads_work(struct window *window)
{
    (void)window_random_reads(window, 300, &file, 1, 1, NULL);
}

static const char *features_of(const struct window *window)
{
    static char text[400];

    return ikv_uring_features(window->io, text, sizeof text);
}

/* ---------------------------------------------------------------- older kernels */

/* Older kernels lack the flags that later releases added. */
static void older_kernels(void **state)
{
    static const struct {
        unsigned unknown;
        unsigned features;
        unsigned setups;
    } kernels[] = {
        {0, IKV_URING_FEATURES, 1},
        {IORING_SETUP_DEFER_TASKRUN, IKV_URING_FEATURES & ~IKV_URING_DEFER_TASKRUN, 2},
        {IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
         IKV_URING_FEATURES & ~(IKV_URING_DEFER_TASKRUN | IKV_URING_SINGLE_ISSUER), 3},
        {IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
         IKV_URING_SUBMIT_ALL | IKV_URING_CLAMP | IKV_URING_CQSIZE | IKV_URING_BUFFERS |
             IKV_URING_FILES,
         4},
        {IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
             IORING_SETUP_SUBMIT_ALL,
         IKV_URING_CLAMP | IKV_URING_CQSIZE | IKV_URING_BUFFERS | IKV_URING_FILES, 5},
        {IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
             IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
         IKV_URING_BUFFERS | IKV_URING_FILES, 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        const struct ring_setup_faults faults = {.unknown_flags = kernels[i].unknown};
        struct window window;
        ring_shim_setup(&faults);
        window_open(&window, &ikv_io_uring, 64, ROOM);
        assert_int_equal(ikv_uring_feature_bits(window.io), kernels[i].features);
        assert_int_equal(ring_shim_setups(), kernels[i].setups);
        const char *refusal = strstr(features_of(&window), "defer_taskrun (Invalid argument)");
        assert_int_equal(refusal != NULL, kernels[i].unknown != 0);
        reads_work(&window);
        window_close(&window);
    }
    ring_shim_setup(NULL);
}

/* EINVAL for any combination of flags is reported. */
static void all_flags_refused(void **state)
{
    const struct ring_setup_faults faults = {.setup_code = -EINVAL};
    struct window window;

    (void)state;
    ring_shim_setup(&faults);
    assert_int_equal(window_try_open(&window, &ikv_io_uring, 4, ROOM), -EINVAL);
    assert_in_range(ring_shim_setups(), 1, 10);
    ring_shim_setup(NULL);
}

/* Only EINVAL means that a feature is missing: other errors are not retried. */
static void other_errors_are_final(void **state)
{
    static const int codes[] = {-EPERM, -ENOSYS, -EMFILE, -ENFILE, -EACCES, -EFAULT, -EAGAIN};
    struct window window;

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct ring_setup_faults faults = {.setup_code = codes[i]};
        ring_shim_setup(&faults);
        assert_int_equal(window_try_open(&window, &ikv_io_uring, 4, ROOM), codes[i]);
        assert_int_equal(ring_shim_setups(), 1);
    }
    ring_shim_setup(NULL);
}

static void too_old(void **state)
{
    static const unsigned bits[] = {IORING_FEAT_NODROP, IORING_FEAT_RW_CUR_POS};
    struct window window;
    char why[300];

    (void)state;
    size_t before = process_descriptors();
    for (size_t i = 0; i < 2; i++) {
        const struct ring_setup_faults faults = {.hidden_bits = bits[i]};
        ring_shim_setup(&faults);
        assert_int_equal(window_try_open(&window, &ikv_io_uring, 4, ROOM), -EOPNOTSUPP);
        assert_int_equal(ikv_uring_probe(why, sizeof why), -EOPNOTSUPP);
        assert_non_null(strstr(why, "too old"));
        assert_non_null(strstr(why, "5.6"));
    }
    ring_shim_setup(NULL);
    assert_int_equal(process_descriptors(), before);
}

/* ---------------------------------------------------------------- limits */

static void small_limit_of_memory(void **state)
{
    const struct ring_setup_faults small = {.entries_max = 16};
    const struct ring_setup_faults none = {.entries_max = 1};
    struct window window;
    char why[300];

    (void)state;
    ring_shim_setup(&small);
    window_open(&window, &ikv_io_uring, 256, ROOM);
    assert_int_equal(ikv_uring_feature_bits(window.io), IKV_URING_FEATURES);
    reads_work(&window);
    window_close(&window);
    ring_shim_setup(&none);
    assert_int_equal(window_try_open(&window, &ikv_io_uring, 256, ROOM), -ENOMEM);
    const struct ring_setup_faults faults = {.setup_code = -ENOMEM};
    ring_shim_setup(&faults);
    assert_int_equal(ikv_uring_probe(why, sizeof why), -ENOMEM);
    assert_non_null(strstr(why, "ENOMEM"));
    assert_non_null(strstr(why, "RLIMIT_MEMLOCK"));
    ring_shim_setup(NULL);
}

static void registering_fails(void **state)
{
    const struct ring_setup_faults faults = {.buffers_code = -ENOMEM, .files_code = -EMFILE};
    struct window window;

    (void)state;
    ring_shim_setup(&faults);
    window_open(&window, &ikv_io_uring, 64, ROOM);
    assert_int_equal(ikv_uring_feature_bits(window.io),
                     IKV_URING_FEATURES & ~(IKV_URING_BUFFERS | IKV_URING_FILES));
    assert_non_null(strstr(features_of(&window), " without buffers (Cannot allocate memory),files "
                                                 "(Too many open files)"));
    reads_work(&window);
    ikv_uring_unregister_file(window.io, &file.file);
    window_close(&window);
    ring_shim_setup(NULL);
}

/* Drops the privilege to lock memory without a limit. */
static void become_nobody(void)
{
    if (geteuid() == 0)
        CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
}

static void child_without_locked_memory(void *user)
{
    const struct rlimit none = {0, 0};
    struct window window;

    (void)user;
    become_nobody();
    CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    int code = window_try_open(&window, &ikv_io_uring, 64, ROOM);
    if (code == -ENOMEM || code == -EPERM)
        return; /* also right: rings may count as locked memory, or need privileges */
    CHILD_CHECK(code == 0);
    CHILD_CHECK((ikv_uring_feature_bits(window.io) & IKV_URING_BUFFERS) == 0);
    CHILD_CHECK(strstr(features_of(&window), "buffers (Cannot allocate memory)"));
    for (unsigned i = 0; i < 64; i++) {
        read_begin(&window.requests[i], &file, &window.rooms[i], i * 100, 1000, 1000);
        CHILD_CHECK(window.backend->submit(window.io, &window.requests[i]) == 0);
    }
    for (unsigned i = 0; i < 64; i++) {
        const struct ikv_io_request *request = window.backend->reap(window.io);
        CHILD_CHECK(request && request->code == 0);
        CHILD_CHECK(memcmp(request->buffer, file.bytes + request->offset, 1000) == 0);
    }
    window_close(&window);
}

static void no_locked_memory(void **state)
{
    (void)state;
    in_child(child_without_locked_memory, NULL);
}

/* Limits from no descriptor left to enough for registering files. */
static void child_with_few_descriptors(void *user)
{
    struct rlimit few;
    bool had_ring = false;
    bool had_files = false;
    char why[300];

    (void)user;
    CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &few) == 0);
    for (few.rlim_cur = 3; few.rlim_cur < 64; few.rlim_cur++) {
        struct window window;
        CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        int code = window_try_open(&window, &ikv_io_uring, 4, ROOM);
        if (code == -EMFILE) {
            CHILD_CHECK(!had_ring);
            CHILD_CHECK(ikv_uring_probe(why, sizeof why) == -EMFILE);
            CHILD_CHECK(strstr(why, "EMFILE") && strstr(why, "RLIMIT_NOFILE"));
            continue;
        }
        CHILD_CHECK(code == 0);
        had_ring = true;
        had_files = ikv_uring_feature_bits(window.io) & IKV_URING_FILES;
        read_begin(&window.requests[0], &file, &window.rooms[0], 77, 1000, 1000);
        CHILD_CHECK(window.backend->submit(window.io, &window.requests[0]) == 0);
        CHILD_CHECK(window.backend->reap(window.io) == &window.requests[0]);
        CHILD_CHECK(window.requests[0].code == 0);
        CHILD_CHECK(memcmp(window.requests[0].buffer, file.bytes + 77, 1000) == 0);
        window_close(&window);
    }
    CHILD_CHECK(had_ring && had_files);
}

static void few_descriptors(void **state)
{
    (void)state;
    in_child(child_with_few_descriptors, NULL);
}

static void *open_a_window(void *user)
{
    struct window window;
    int *code = user;

    *code = window_try_open(&window, &ikv_io_uring, 4, ROOM);
    return NULL;
}

/* A thread cannot set up a ring while another one uses its own. */
static void setup_fails_in_one_thread(void **state)
{
    const struct ring_setup_faults faults = {.setup_code = -ENOMEM};
    struct window window;
    pthread_t thread;
    int code = 0;

    (void)state;
    window_open(&window, &ikv_io_uring, 64, ROOM);
    ring_shim_setup(&faults);
    size_t before = process_descriptors();
    assert_int_equal(pthread_create(&thread, NULL, open_a_window, &code), 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(code, -ENOMEM);
    assert_int_equal(process_descriptors(), before);
    reads_work(&window);
    window_close(&window);
    ring_shim_setup(NULL);
}

/* ---------------------------------------------------------------- texts */

static void texts_of_reasons(void **state)
{
    static const struct {
        int code;
        const char *words[2];
    } known[] = {
        {-ENOSYS, {"ENOSYS", "kernel"}},         {-EPERM, {"EPERM", "io_uring"}},
        {-ENOMEM, {"ENOMEM", "RLIMIT_MEMLOCK"}}, {-EMFILE, {"EMFILE", "RLIMIT_NOFILE"}},
        {-ENFILE, {"ENFILE", "system"}},         {-EOPNOTSUPP, {"EOPNOTSUPP", "5.6"}},
        {-EFAULT, {"Bad address", "set up"}},    {0, {"can be used", ""}},
    };
    char why[300];

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_ptr_equal(ikv_uring_explain(known[i].code, why, sizeof why), why);
        assert_non_null(strstr(why, known[i].words[0]));
        assert_non_null(strstr(why, known[i].words[1]));
        for (size_t size = 0; size < 40; size++) {
            memset(why, 'x', sizeof why);
            (void)ikv_uring_explain(known[i].code, why, size);
            if (size > 0)
                assert_true(strlen(why) < size);
            assert_int_equal(why[size], 'x');
        }
    }
    assert_int_equal(ikv_uring_probe(why, sizeof why), 0);
}

static void text_of_features(void **state)
{
    const struct ring_setup_faults faults = {.unknown_flags = IORING_SETUP_DEFER_TASKRUN,
                                             .buffers_code = -ENOMEM};
    struct window window;
    char whole[400];
    char text[400];

    (void)state;
    ring_shim_setup(&faults);
    window_open(&window, &ikv_io_uring, 2, ROOM);
    (void)ikv_uring_features(window.io, whole, sizeof whole);
    assert_string_equal(whole, "single_issuer,coop_taskrun,submit_all,clamp,cqsize,files"
                               " without defer_taskrun (Invalid argument),buffers "
                               "(Cannot allocate memory)");
    for (size_t size = 0; size <= strlen(whole) + 1; size++) {
        memset(text, 'x', sizeof text);
        assert_ptr_equal(ikv_uring_features(window.io, text, size), text);
        assert_int_equal(text[size], 'x');
        if (size > 0) {
            assert_int_equal(strlen(text), size - 1);
            assert_memory_equal(text, whole, size - 1);
        }
    }
    window_close(&window);
    ring_shim_setup(NULL);
}

static int group_setup(void **state)
{
    (void)group_dir_setup(state);
    content_make(&file, group_dir.path, 100000, 1, false);
    return 0;
}

static int group_teardown(void **state)
{
    content_close(&file);
    return group_dir_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_kernels),
        cmocka_unit_test(all_flags_refused),
        cmocka_unit_test(other_errors_are_final),
        cmocka_unit_test(too_old),
        cmocka_unit_test(small_limit_of_memory),
        cmocka_unit_test(registering_fails),
        cmocka_unit_test(no_locked_memory),
        cmocka_unit_test(few_descriptors),
        cmocka_unit_test(setup_fails_in_one_thread),
        cmocka_unit_test(texts_of_reasons),
        cmocka_unit_test(text_of_features),
    };
    variant_require_uring();
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
