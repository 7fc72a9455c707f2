/* Results and errors of the kernel, one at a time, and their effects on requests. */
#include "content.h"
#include "fixtures.h"
#include "ring_shim.h"
#include "variants.h"
#include "window.h"

#include "indexkv.h"
#include "iouring/queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOM ((size_t)2 * CONTENT_ALIGNMENT)

struct fixture {
    struct window window;
    struct content content;
};

static void fixture_open(struct fixture *ret, const char *name, unsigned depth)
{
    struct variant variant;

    assert_true(variant_find(name, &variant));
    content_make(&ret->content, group_dir.path, 200000, 40, variant.direct);
    /* The window keeps a pointer to the backend. */
    static struct ikv_io_backend backend;
    backend = variant.backend;
    window_open(&ret->window, &backend, depth, ROOM);
}

static void fixture_close(struct fixture *fixture)
{
    window_close(&fixture->window);
    content_close(&fixture->content);
}

static void submit_all(struct fixture *fixture)
{
    window_submit_all(&fixture->window, &fixture->content);
}

/* Reaps all requests and checks that each has this code. */
static void reap_all(struct fixture *fixture, int code)
{
    struct window *window = &fixture->window;

    for (unsigned n = 0; n < window->depth; n++) {
        unsigned i = window_reap(window);
        assert_int_equal(window->requests[i].code, code);
        if (code == 0)
            read_check(&window->requests[i], &fixture->content, &window->rooms[i]);
        else
            read_check_guards(&window->requests[i], &window->rooms[i]);
    }
    assert_null(window->backend->reap(window->io));
}

/* A transient error that lasts is reported after a bounded number of tries. */
static void lasting_transient_results(void **state)
{
    static const int codes[] = {-EAGAIN, -EINTR, -EBUSY, -ENOMEM, -ECANCELED};

    (void)state;
    watchdog(60);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct fixture fixture;
        fixture_open(&fixture, "uring", 8);
        const struct ring_faults faults = {.result_code = codes[i], .result_count = UINT64_MAX};
        submit_all(&fixture);
        ring_shim_start(&faults);
        reap_all(&fixture, codes[i]);
        assert_true(ring_shim_stop().completions <= 8 * 100);
        /* Later requests succeed. */
        submit_all(&fixture);
        reap_all(&fixture, 0);
        fixture_close(&fixture);
    }
    watchdog(0);
}

/* Any other error is final, and is reported unchanged. */
static void final_results(void **state)
{
    static const int codes[] = {-EIO, -EBADF, -EFAULT, -EINVAL, -EOPNOTSUPP, -EREMOTEIO, -EPERM};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct fixture fixture;
        fixture_open(&fixture, "uring", 8);
        const struct ring_faults faults = {.result_code = codes[i], .result_count = UINT64_MAX};
        submit_all(&fixture);
        ring_shim_start(&faults);
        reap_all(&fixture, codes[i]);
        assert_int_equal(ring_shim_stop().completions, 8);
        fixture_close(&fixture);
    }
}

/* Short reads are continued without a limit while bytes arrive. A direct read that never returns a
 * whole sector fails. */
static void short_results(void **state)
{
    struct fixture fixture;
    const struct ring_faults single = {.cut_to = 1};
    const struct ring_faults sectors = {.cut_to = 512};

    (void)state;
    watchdog(60);
    fixture_open(&fixture, "uring", 8);
    submit_all(&fixture);
    ring_shim_start(&single);
    reap_all(&fixture, 0);
    assert_int_equal(ring_shim_stop().completions, 8 * CONTENT_ALIGNMENT);
    assert_int_equal(fixture.window.requests[0].retries, CONTENT_ALIGNMENT - 1);
    fixture_close(&fixture);

    fixture_open(&fixture, "uring_direct", 8);
    submit_all(&fixture);
    ring_shim_start(&sectors);
    reap_all(&fixture, -EIO);
    assert_true(ring_shim_stop().completions <= 8 * 100);
    submit_all(&fixture);
    reap_all(&fixture, 0);
    fixture_close(&fixture);
    watchdog(0);
}

/* With O_DIRECT, the end of the file is found by one read, not retried forever. */
static void end_of_file_takes_one_read(void **state)
{
    static const uint64_t sizes[] = {0, 1, 4095, 4096, 5000, 8191};
    struct variant variant;
    const struct ring_faults none = {.seed = 1};

    (void)state;
    assert_true(variant_find("uring_direct", &variant));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct window window;
        struct content content;
        content_make(&content, group_dir.path, sizes[i], 50 + i, true);
        window_open(&window, &variant.backend, 1, ROOM);
        read_begin(&window.requests[0], &content, &window.rooms[0], 0, 8192, 8192);
        ring_shim_start(&none);
        window_submit(&window, 0);
        (void)window_reap(&window);
        assert_int_equal(ring_shim_stop().completions, 1);
        read_check(&window.requests[0], &content, &window.rooms[0]);
        assert_int_equal(window.requests[0].code, IKV_E_TRUNCATED);
        window_close(&window);
        content_close(&content);
    }
}

/* Registered buffers and files are used, unless the variant has none. */
static void registered_resources_are_used(void **state)
{
    static const struct {
        const char *name;
        bool buffers;
        bool files;
    } variants[] = {{"uring", true, true},
                    {"uring_direct", true, true},
                    {"uring_no_buffers", false, true},
                    {"uring_no_files", true, false},
                    {"uring_bare", false, false}};
    const struct ring_faults none = {.seed = 1};

    (void)state;
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        struct fixture fixture;
        fixture_open(&fixture, variants[i].name, 64);
        ring_shim_start(&none);
        submit_all(&fixture);
        reap_all(&fixture, 0);
        struct ring_fault_counts counts = ring_shim_stop();
        assert_int_equal(counts.reads, 64);
        assert_int_equal(counts.fixed_buffers, variants[i].buffers ? 64 : 0);
        assert_int_equal(counts.fixed_files, variants[i].files ? 64 : 0);
        fixture_close(&fixture);
    }
}

/* The kernel accepts no requests without resources, for a time or forever. */
static void refused_without_resources(void **state)
{
    static const int codes[] = {-EAGAIN, -EBUSY, -ENOMEM};

    (void)state;
    watchdog(120);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct fixture fixture;
        fixture_open(&fixture, "uring", 8);
        const struct ring_faults forever = {.call_code = codes[i], .call_count = UINT64_MAX};
        const struct ring_faults a_while = {.call_code = codes[i], .call_count = 20};
        submit_all(&fixture);
        ring_shim_start(&forever);
        reap_all(&fixture, codes[i]);
        assert_in_range(ring_shim_stop().refused, 1, 200);
        submit_all(&fixture);
        ring_shim_start(&a_while);
        reap_all(&fixture, 0);
        assert_int_equal(ring_shim_stop().refused, 20);
        fixture_close(&fixture);
    }
    watchdog(0);
}

/* Interrupted calls are repeated without a limit. */
static void interrupted_often(void **state)
{
    struct fixture fixture;
    const struct ring_faults faults = {.call_code = -EINTR, .call_count = 100000};

    (void)state;
    fixture_open(&fixture, "uring", 8);
    submit_all(&fixture);
    ring_shim_start(&faults);
    reap_all(&fixture, 0);
    assert_int_equal(ring_shim_stop().refused, 100000);
    fixture_close(&fixture);
}

/* A permanent error fails all requests that the kernel has not accepted, at once. */
static void refused_permanently(void **state)
{
    static const int codes[] = {-EBADFD, -EFAULT, -EINVAL, -ENXIO,
                                -EEXIST, -EPERM,  -ENOSYS, -EOWNERDEAD};

    (void)state;
    watchdog(60);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct fixture fixture;
        const struct ring_faults faults = {.call_code = codes[i], .call_count = 1};
        fixture_open(&fixture, "uring", 8);
        submit_all(&fixture);
        ring_shim_start(&faults);
        reap_all(&fixture, codes[i]);
        (void)ring_shim_stop();
        submit_all(&fixture);
        reap_all(&fixture, 0);
        fixture_close(&fixture);
    }
    watchdog(0);
}

/* The descriptor is no longer a ring: no further calls are made on it. */
static void lost_descriptor(void **state)
{
    static const int codes[] = {-EBADF, -EOPNOTSUPP};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct fixture fixture;
        const struct ring_faults faults = {.call_code = codes[i], .call_count = 1};
        fixture_open(&fixture, "uring", 8);
        submit_all(&fixture);
        ring_shim_start(&faults);
        reap_all(&fixture, codes[i]);
        assert_int_equal(ring_shim_stop().calls, 1);
        assert_int_equal(
            fixture.window.backend->submit(fixture.window.io, &fixture.window.requests[0]),
            codes[i]);
        assert_null(fixture.window.backend->reap(fixture.window.io));
        /* A completion that still arrives is ignored, otherwise reaping would never end. */
        ++*fixture.window.io->ring.uring.cq.ktail;
        assert_false(window_has_finished(&fixture.window));
        assert_null(fixture.window.backend->reap(fixture.window.io));
        fixture_close(&fixture);
    }
}

/* Waiting fails while reads are in flight. The backend gives up on them only after they had time to
 * complete, since the kernel may write to their buffers until then. */
static void waiting_fails(void **state)
{
    struct fixture fixture;
    const struct ring_faults a_while = {.call_code = -EFAULT, .call_count = 30, .waits_only = true};
    const struct ring_faults forever = {
        .call_code = -EFAULT, .call_count = UINT64_MAX, .waits_only = true};

    (void)state;
    watchdog(120);
    fixture_open(&fixture, "uring_direct", 8);
    submit_all(&fixture);
    ring_shim_start(&a_while);
    reap_all(&fixture, 0);
    (void)ring_shim_stop();

    submit_all(&fixture);
    ring_shim_start(&forever);
    for (unsigned n = 0; n < 8; n++) {
        unsigned k = window_reap(&fixture.window);
        int code = fixture.window.requests[k].code;
        assert_true(code == 0 || code == -EFAULT);
    }
    assert_in_range(ring_shim_stop().refused, 1, 600);
    fixture_close(&fixture);
    watchdog(0);
}

/* Every other completion is dropped, even those of the markers that detect it. */
static void half_of_the_completions_dropped(void **state)
{
    struct fixture fixture;
    const struct ring_faults half = {.seed = 2, .drop = 2};

    (void)state;
    watchdog(60);
    fixture_open(&fixture, "uring", 32);
    ring_shim_start(&half);
    submit_all(&fixture);
    reap_all(&fixture, 0);
    assert_true(ring_shim_stop().dropped > 10);
    submit_all(&fixture);
    reap_all(&fixture, 0);
    fixture_close(&fixture);
    watchdog(0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lasting_transient_results),
        cmocka_unit_test(final_results),
        cmocka_unit_test(short_results),
        cmocka_unit_test(end_of_file_takes_one_read),
        cmocka_unit_test(registered_resources_are_used),
        cmocka_unit_test(refused_without_resources),
        cmocka_unit_test(interrupted_often),
        cmocka_unit_test(refused_permanently),
        cmocka_unit_test(lost_descriptor),
        cmocka_unit_test(waiting_fails),
        cmocka_unit_test(half_of_the_completions_dropped),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    variant_require_uring();
    return cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
}
