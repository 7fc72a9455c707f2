/* Creating, using and destroying rings, in several threads; descriptors closed by others. */
#include "child.h"
#include "content.h"
#include "fixtures.h"
#include "scale.h"
#include "variants.h"
#include "window.h"

#include "indexkv.h"
#include "iouring/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM ((size_t)2 * CONTENT_ALIGNMENT)

static struct content buffered;
static struct content direct;

/* ---------------------------------------------------------------- one thread */

static void create_and_destroy(void **state)
{
    const size_t rounds = test_scaled(10000);
    const size_t before = process_descriptors();
    unsigned char *memory = must_malloc(65536);
    const struct ikv_io_options options = {.depth = 4, .memory = memory, .memory_size = 65536};

    (void)state;
    watchdog(300);
    for (size_t i = 0; i < rounds; i++) {
        struct ikv_io *io;
        struct ikv_io_request request = {
            .file = &buffered.file, .length = 4096, .need = 4096, .buffer = memory};
        assert_int_equal(ikv_io_uring.create(&options, &io), 0);
        assert_int_equal(ikv_uring_feature_bits(io) & IKV_URING_BUFFERS, IKV_URING_BUFFERS);
        if (i % 2 == 0)
            assert_int_equal(ikv_io_uring.submit(io, &request), 0);
        if (i % 4 == 0) {
            assert_ptr_equal(ikv_io_uring.reap(io), &request);
            assert_int_equal(request.code, 0);
        }
        ikv_io_uring.destroy(io);
    }
    assert_int_equal(process_descriptors(), before);
    free(memory);
    watchdog(0);
}

static bool has_buffers(const struct ikv_io *io)
{
    return (ikv_uring_feature_bits(io) & IKV_URING_BUFFERS) != 0;
}

/* Memory is registered after `memory_after` requests, and not while reads are in flight. */
static void registering_memory_is_deferred(void **state)
{
    enum { AFTER = 3, DEPTH = 8, SIZE = 4096 };
    unsigned char *memory = must_malloc((size_t)DEPTH * SIZE);
    const struct ikv_io_options options = {.depth = DEPTH,
                                           .memory = memory,
                                           .memory_size = (size_t)DEPTH * SIZE,
                                           .register_after = AFTER};
    struct ikv_io_request requests[DEPTH];
    struct ikv_io *io;

    (void)state;
    assert_int_equal(ikv_io_uring.create(&options, &io), 0);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < DEPTH; i++) {
            memset(memory + i * SIZE, 0, SIZE);
            requests[i] = (struct ikv_io_request){.file = &buffered.file,
                                                  .offset = i,
                                                  .length = SIZE,
                                                  .need = SIZE,
                                                  .buffer = memory + i * SIZE};
            assert_int_equal(ikv_io_uring.submit(io, &requests[i]), 0);
            assert_true(has_buffers(io) == (round > 0));
        }
        for (unsigned i = 0; i < DEPTH; i++)
            assert_int_equal(ikv_io_uring.reap(io)->code, 0);
        for (unsigned i = 0; i < DEPTH; i++)
            assert_memory_equal(memory + i * SIZE, buffered.bytes + i, SIZE);
    }
    ikv_io_uring.destroy(io);
    free(memory);
}

/* More rings in one thread than can be registered. */
static void many_at_once(void **state)
{
    enum { RINGS = 100 };
    const size_t before = process_descriptors();
    struct window windows[RINGS];

    (void)state;
    for (unsigned i = 0; i < RINGS; i++)
        window_open(&windows[i], &ikv_io_uring, 8, ROOM);
    for (unsigned i = 0; i < RINGS; i++)
        window_submit_all(&windows[i], i % 2 ? &buffered : &direct);
    for (unsigned i = 0; i < RINGS; i++)
        window_reap_some(&windows[i], i % 2 ? &buffered : &direct, 8);
    for (unsigned i = 0; i < RINGS; i++)
        window_close(&windows[i]);
    assert_int_equal(process_descriptors(), before);
}

/* Two rings in one thread do not mix up their completions. */
static void two_rings(void **state)
{
    struct window a;
    struct window b;

    (void)state;
    window_open(&a, &ikv_io_uring, 16, ROOM);
    window_open(&b, &ikv_io_uring, 16, ROOM);
    for (unsigned round = 0; round < 100; round++) {
        window_submit_all(&a, &buffered);
        window_submit_all(&b, &direct);
        for (unsigned n = 0; n < 16; n++) {
            window_reap_some(&a, &buffered, 1);
            window_reap_some(&b, &direct, 1);
        }
    }
    window_close(&a);
    window_close(&b);
}

/* ---------------------------------------------------------------- threads */

static void *use_a_ring(void *user)
{
    struct window window;

    window_open(&window, &ikv_io_uring, 32, ROOM);
    (void)window_random_reads(&window, test_scaled(3000), user, 1, 9, NULL);
    window_close(&window);
    return NULL;
}

static void a_ring_for_each_thread(void **state)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_a_ring, i % 2 ? &buffered : &direct),
                         0);
    for (unsigned i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
}

struct visit {
    struct window *window;
    int code;
};

static void *submit_elsewhere(void *user)
{
    struct visit *visit = user;
    struct window *window = visit->window;

    visit->code = window->backend->submit(window->io, &window->requests[0]);
    return NULL;
}

static void submit_is_refused_elsewhere(void **state)
{
    struct window window;
    struct visit visit = {.window = &window};
    pthread_t thread;

    (void)state;
    window_open(&window, &ikv_io_uring, 4, ROOM);
    read_begin(&window.requests[0], &buffered, &window.rooms[0], 0, 100, 100);
    assert_int_equal(pthread_create(&thread, NULL, submit_elsewhere, &visit), 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(visit.code, IKV_E_STATE);
    assert_null(window.backend->reap(window.io));
    window_submit(&window, 0);
    window_reap_some(&window, &buffered, 1);
    window_close(&window);
}

static void *destroy_elsewhere(void *user)
{
    struct window *window = user;

    window->backend->destroy(window->io);
    window->io = NULL;
    return NULL;
}

static void destroyed_elsewhere(void **state)
{
    const size_t before = process_descriptors();

    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        struct window window;
        pthread_t thread;
        window_open(&window, &ikv_io_uring, 8, ROOM);
        window_submit_all(&window, round % 2 ? &buffered : &direct);
        window_reap_some(&window, round % 2 ? &buffered : &direct, 8);
        assert_int_equal(pthread_create(&thread, NULL, destroy_elsewhere, &window), 0);
        (void)pthread_join(thread, NULL);
        window_close(&window);
    }
    assert_int_equal(process_descriptors(), before);
}

/* The thread ends with requests that were not submitted to the kernel. */
static void *end_with_prepared_requests(void *user)
{
    struct window *window = user;

    window_open(window, &ikv_io_uring, 8, ROOM);
    window_submit_all(window, &direct);
    return NULL;
}

/* The thread ends with most of its reads in flight. */
static void *end_with_reads_in_flight(void *user)
{
    struct window *window = user;

    window_open(window, &ikv_io_uring, 64, ROOM);
    window_submit_all(window, &direct);
    window_reap_some(window, &direct, 3);
    return NULL;
}

static void destroy_after_its_thread(void *(*leave)(void *user))
{
    struct window window;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, leave, &window), 0);
    (void)pthread_join(thread, NULL);
    window_destroy_checked(&window);
    window_close(&window);
}

static void threads_end_without_destroying(void **state)
{
    const size_t rounds = test_scaled(1000);
    const size_t before = process_descriptors();

    (void)state;
    watchdog(300);
    for (size_t round = 0; round < rounds; round++)
        destroy_after_its_thread(end_with_prepared_requests);
    destroy_after_its_thread(end_with_reads_in_flight);
    assert_int_equal(process_descriptors(), before);
    watchdog(0);
}

static void *create_use_destroy(void *user)
{
    struct window window;

    window_open(&window, &ikv_io_uring, 2, ROOM);
    window_submit_all(&window, user);
    window_reap_some(&window, user, 1);
    window_close(&window);
    return NULL;
}

static void threads_come_and_go(void **state)
{
    const size_t rounds = test_scaled(10000);
    const size_t before = process_descriptors();

    (void)state;
    watchdog(300);
    for (size_t round = 0; round < rounds; round++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, create_use_destroy, &buffered), 0);
        (void)pthread_join(thread, NULL);
    }
    assert_int_equal(process_descriptors(), before);
    watchdog(0);
}

/* ---------------------------------------------------------------- descriptors */

/* The descriptor of the only open ring. */
static int ring_descriptor(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        char path[64];
        char name[64] = {0};
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, name, sizeof name - 1) > 0 && strstr(name, "io_uring"))
            return fd;
    }
    return -1;
}

/* Some programs close all descriptors they do not know, so the ring's, too. */
static void ring_is_closed_by_others(void **state)
{
    (void)state;
    watchdog(120);
    for (unsigned round = 0; round < 4; round++) {
        const bool is_reused = round % 2;
        const unsigned in_flight = round < 2 ? 0 : 64;
        const size_t before = process_descriptors();
        bool has_failed = false; /* the backend noticed it */
        struct window window;
        window_open(&window, &ikv_io_uring, 64, ROOM);
        int fd = ring_descriptor();
        assert_true(fd >= 0);
        if (in_flight > 0) {
            window_submit_all(&window, &direct);
            window_reap_some(&window, &direct, 1);
        }
        (void)close(fd);
        if (is_reused)
            assert_int_equal(dup2(buffered.file.fd, fd), fd);
        if (in_flight == 0)
            window_submit_all(&window, &direct);
        for (unsigned n = 0; n < (in_flight ? in_flight - 1 : 64); n++) {
            const struct ikv_io_request *request = window.backend->reap(window.io);
            assert_non_null(request);
            has_failed = has_failed || request->code != 0;
            if (request->code != 0)
                assert_int_equal(request->code, is_reused ? -EOPNOTSUPP : -EBADF);
            else
                assert_memory_equal(request->buffer, direct.bytes + request->offset, request->need);
        }
        assert_null(window.backend->reap(window.io));
        window_close(&window);
        /* The number is that of another file now, so it must stay open. */
        if (is_reused && has_failed)
            assert_true(fcntl(fd, F_GETFD) >= 0);
        if (is_reused)
            (void)close(fd);
        assert_int_equal(process_descriptors(), before);
    }
    watchdog(0);
}

/* Whether the locked open file description is closed: its lock lasts as long. */
static bool is_released(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    bool free_to_lock = flock(fd, LOCK_EX | LOCK_NB) == 0;
    (void)close(fd);
    return free_to_lock;
}

static void forgotten_files_are_released(void **state)
{
    struct window window;
    struct content file;

    (void)state;
    content_make(&file, group_dir.path, 200000, 70, false);
    window_open(&window, &ikv_io_uring, 8, ROOM);
    assert_int_equal(flock(file.file.fd, LOCK_EX), 0);
    window_submit_all(&window, &file);
    window_reap_some(&window, &file, 8);
    ikv_uring_unregister_file(window.io, &buffered.file); /* never used */
    int fd = file.file.fd;
    (void)close(fd);
    assert_false(is_released(file.path));
    ikv_uring_unregister_file(window.io, &file.file);
    assert_true(is_released(file.path));
    ikv_uring_unregister_file(window.io, &file.file); /* again */

    /* If requests on it are in flight, it is released with the last of them. */
    file.file.fd = open(file.path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(file.file.fd, LOCK_EX), 0);
    window_submit_all(&window, &file);
    ikv_uring_unregister_file(window.io, &file.file);
    window_reap_some(&window, &file, 7);
    (void)close(file.file.fd);
    assert_false(is_released(file.path));
    window_reap_some(&window, &file, 1);
    assert_true(is_released(file.path));

    /* Destroying the ring releases all files at once. */
    file.file.fd = open(file.path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(file.file.fd, LOCK_EX), 0);
    window_submit_all(&window, &file);
    window_reap_some(&window, &file, 8);
    (void)close(file.file.fd);
    window_close(&window);
    assert_true(is_released(file.path));
    file.file.fd = -1;
    content_close(&file);
}

static int group_setup(void **state)
{
    (void)group_dir_setup(state);
    content_make(&buffered, group_dir.path, 300000, 80, false);
    content_make(&direct, group_dir.path, 300000, 81, true);
    return 0;
}

static int group_teardown(void **state)
{
    content_close(&buffered);
    content_close(&direct);
    return group_dir_teardown(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_and_destroy),
        cmocka_unit_test(registering_memory_is_deferred),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(two_rings),
        cmocka_unit_test(a_ring_for_each_thread),
        cmocka_unit_test(submit_is_refused_elsewhere),
        cmocka_unit_test(destroyed_elsewhere),
        cmocka_unit_test(threads_end_without_destroying),
        cmocka_unit_test(threads_come_and_go),
        cmocka_unit_test(ring_is_closed_by_others),
        cmocka_unit_test(forgotten_files_are_released),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    variant_require_uring();
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
