/* Forks with reads in flight: the ring stays with the parent. */
#include "child.h"
#include "content.h"
#include "fixtures.h"
#include "scale.h"
#include "variants.h"
#include "window.h"

#include "indexkv.h"
#include "iouring/uring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM ((size_t)2 * CONTENT_ALIGNMENT)

static struct content buffered;
static struct content direct;

/* In the child, using the ring fails, and destroying it does not affect the parent. */
static void child_of_reads(struct window *window, unsigned left, unsigned choice)
{
    struct ikv_io_request surplus = window->requests[0];

    if (choice == 0)
        return;
    CHILD_CHECK(window->backend->submit(window->io, &surplus) == IKV_E_STATE);
    ikv_uring_unregister_file(window->io, &direct.file);
    for (unsigned n = 0; n < left; n++) {
        struct ikv_io_request *request = window->backend->reap(window->io);
        CHILD_CHECK(request && request->code == IKV_E_STATE);
        CHILD_CHECK(window->in_flight[request - window->requests]);
        window->in_flight[request - window->requests] = false;
        if (choice == 1)
            break;
    }
    if (choice == 2)
        CHILD_CHECK(window->backend->reap(window->io) == NULL);
    size_t before = process_descriptors();
    window->backend->destroy(window->io);
    CHILD_CHECK(process_descriptors() == before - 1);
    /* The child can create its own ring. */
    const struct ikv_io_options options = {.depth = 1};
    struct ikv_io *io;
    CHILD_CHECK(window->backend->create(&options, &io) == 0);
    surplus.length = surplus.need = CONTENT_ALIGNMENT;
    CHILD_CHECK(window->backend->submit(io, &surplus) == 0);
    CHILD_CHECK(window->backend->reap(io) == &surplus && surplus.code == 0);
    CHILD_CHECK(memcmp(surplus.buffer, direct.bytes + surplus.offset, CONTENT_ALIGNMENT) == 0);
    window->backend->destroy(io);
}

static void fork_with_reads_in_flight(void **state)
{
    const size_t rounds = test_scaled(1000);
    const size_t before = process_descriptors();
    rng_state rng = {20};

    (void)state;
    watchdog(300);
    for (size_t round = 0; round < rounds; round++) {
        const unsigned depth = 64;
        unsigned reaped = (unsigned)rng_below(&rng, depth);
        struct window window;
        int status = -1;
        window_open(&window, &ikv_io_uring, depth, ROOM);
        window_submit_all(&window, &direct);
        window_reap_some(&window, &direct, reaped);
        (void)fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            child_of_reads(&window, depth - reaped, (unsigned)(round % 3));
            _exit(0);
        }
        if (round % 2) { /* before or after the child has used the ring */
            assert_int_equal(waitpid(child, &status, 0), child);
            window_reap_some(&window, &direct, depth - reaped);
        } else {
            window_reap_some(&window, &direct, depth - reaped);
            assert_int_equal(waitpid(child, &status, 0), child);
        }
        assert_int_equal(status, 0);
        /* The ring works as before. */
        window_submit_all(&window, &buffered);
        window_reap_some(&window, &buffered, depth);
        window_close(&window);
    }
    assert_int_equal(process_descriptors(), before);
    watchdog(0);
}

/* The parent destroys the ring while the child still has a copy. */
static void child_outlives_the_ring(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        struct window window;
        int pipes[2];
        int status = -1;
        char byte = 0;
        assert_int_equal(pipe(pipes), 0);
        window_open(&window, &ikv_io_uring, 16, ROOM);
        window_submit_all(&window, &direct);
        window_reap_some(&window, &direct, 2);
        (void)fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(pipes[1]);
            CHILD_CHECK(read(pipes[0], &byte, 1) == 1);
            child_of_reads(&window, 14, 2);
            _exit(0);
        }
        window_destroy_checked(&window);
        assert_int_equal(write(pipes[1], &byte, 1), 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        window_close(&window);
        (void)close(pipes[0]);
        (void)close(pipes[1]);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork_with_reads_in_flight),
        cmocka_unit_test(child_outlives_the_ring),
    };
    variant_require_uring();
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
