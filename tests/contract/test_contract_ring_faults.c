/*
 * Whatever the kernel answers: no wrong byte, no hang, each request finished exactly once.
 */
#include "content.h"
#include "ring_shim.h"
#include "scale.h"
#include "tmpdir.h"
#include "variants.h"
#include "window.h"

#include "indexkv.h"
#include "uring.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

#define ROOM ((size_t)2 * CONTENT_ALIGNMENT)

static tmpdir directory;
static uint64_t total; /* faults of all storms */

static bool is_eio(int code)
{
    return code == -EIO;
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* ---------------------------------------------------------------- at random */

static void print_counts(const char *name, const struct ring_fault_counts *c)
{
    (void)printf(
        "  %s: %llu calls (refused %llu, interrupted %llu, partial %llu, early %llu), %llu "
        "completions (cut %llu, put off %llu, failed %llu, lost %llu, reordered %llu)\n",
        name, (unsigned long long)c->calls, (unsigned long long)c->refused,
        (unsigned long long)c->interrupted, (unsigned long long)c->partial,
        (unsigned long long)c->early, (unsigned long long)c->completions,
        (unsigned long long)c->cut, (unsigned long long)c->put_off, (unsigned long long)c->failed,
        (unsigned long long)c->lost, (unsigned long long)c->reordered);
}

/* Random reads through one shape of the backend until so many faults were met. */
static void storm(const char *name, const struct ring_faults *faults, unsigned depth,
                  uint64_t wanted)
{
    struct variant variant;
    struct window window;
    struct content files[3];
    struct ring_fault_counts counts;
    uint64_t failed = 0;
    uint64_t seed = depth;

    assert_true(variant_find(name, &variant));
    for (unsigned i = 0; i < 3; i++)
        content_make(&files[i], directory.path, 70000 + 12345 * i, 30 + i, variant.direct);
    window_open(&window, &variant.backend, depth, ROOM);
    ring_shim_start(faults);
    do {
        failed += window_random_reads(&window, 1000, files, 3, seed++, is_eio);
        counts = ring_shim_counts();
    } while (ring_fault_sum(&counts) < wanted);
    counts = ring_shim_stop();
    print_counts(name, &counts);
    total += ring_fault_sum(&counts);
    assert_int_equal(failed, counts.failed);
    window_close(&window);
    for (unsigned i = 0; i < 3; i++)
        content_close(&files[i]);
}

/* All kinds at once, on every shape of the ring. */
static void storms(void **state)
{
    static const char *const names[] = {"uring",          "uring_direct",         "uring_no_defer",
                                        "uring_bare",     "uring_no_files",       "uring_small_sq",
                                        "uring_small_cq", "uring_small_cq_direct"};
    static const unsigned depths[] = {64, 256, 7, 1};
    const struct ring_faults faults = {.seed = 77,
                                       .refuse = 40,
                                       .interrupt = 30,
                                       .partial = 10,
                                       .early = 10,
                                       .cut = 6,
                                       .put_off = 8,
                                       .fail = 50,
                                       .lose = 300,
                                       .shuffle = true};
    const size_t shapes = sizeof names / sizeof names[0];

    (void)state;
    for (size_t i = 0; i < shapes; i++)
        for (size_t j = 0; j < sizeof depths / sizeof depths[0]; j++) {
            /* Few are in flight at small depths, and being refused costs a pause then. */
            storm(names[i], &faults, depths[j], test_scaled(depths[j] > 10 ? 5000 : 500));
        }
}

/* One kind at a time, often. */
static void storms_of_one_kind(void **state)
{
    static const struct ring_faults kinds[] = {
        {.seed = 1, .interrupt = 2}, {.seed = 2, .partial = 2},   {.seed = 3, .early = 2},
        {.seed = 4, .cut = 2},       {.seed = 5, .put_off = 3},   {.seed = 6, .fail = 2},
        {.seed = 7, .lose = 20},     {.seed = 8, .shuffle = true}};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        storm("uring", &kinds[i], 64, test_scaled(2000));
        storm("uring_bare_direct", &kinds[i], 32, test_scaled(500));
    }
    const struct ring_faults refusing = {.seed = 9, .refuse = 2};
    storm("uring", &refusing, 64, test_scaled(200));
    /* Only reads that are not in the page cache are waited for. */
    const struct ring_faults hasty = {.seed = 3, .early = 2};
    storm("uring_direct", &hasty, 64, test_scaled(1000));
}

/* ---------------------------------------------------------------- for certain */

struct fixture {
    struct window window;
    struct content content;
};

static void fixture_open(struct fixture *ret, const char *name, unsigned depth)
{
    struct variant variant;

    assert_true(variant_find(name, &variant));
    content_make(&ret->content, directory.path, 200000, 40, variant.direct);
    /* The window keeps a pointer to the backend: ikv_io_uring's copy must outlive it. */
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
    struct window *window = &fixture->window;

    for (unsigned i = 0; i < window->depth; i++) {
        read_begin(&window->requests[i], &fixture->content, &window->rooms[i],
                   i * CONTENT_ALIGNMENT, CONTENT_ALIGNMENT, CONTENT_ALIGNMENT);
        window_submit(window, i);
    }
}

/* Reap all; each has this code. */
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

/* A result that passes, but never does: reported, after a bounded number of tries. */
static void results_that_never_pass(void **state)
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
        /* And the next ones are as good as ever. */
        submit_all(&fixture);
        reap_all(&fixture, 0);
        fixture_close(&fixture);
    }
    watchdog(0);
}

/* Any other result is final, and reported as it is. */
static void results_that_are_final(void **state)
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

/* Reads that bring less and less: with bytes coming there is no limit to the tries; a direct read
 * that never brings a whole sector gets nowhere, and says so. */
static void results_that_are_short(void **state)
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

/* The end of the file takes one read to find under O_DIRECT, not an endless loop of them. */
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
        content_make(&content, directory.path, sizes[i], 50 + i, true);
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

/* The kernel takes nothing for want of resources, for ever or for a while. */
static void refused_for_want_of_resources(void **state)
{
    static const int codes[] = {-EAGAIN, -EBUSY, -ENOMEM};

    (void)state;
    watchdog(120);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct fixture fixture;
        struct timespec start;
        fixture_open(&fixture, "uring", 8);
        const struct ring_faults for_ever = {.call_code = codes[i], .call_count = UINT64_MAX};
        const struct ring_faults a_while = {.call_code = codes[i], .call_count = 20};
        (void)clock_gettime(CLOCK_MONOTONIC, &start);
        submit_all(&fixture);
        ring_shim_start(&for_ever);
        reap_all(&fixture, codes[i]);
        (void)ring_shim_stop();
        assert_true(seconds_since(&start) < 10);
        submit_all(&fixture);
        ring_shim_start(&a_while);
        reap_all(&fixture, 0);
        assert_int_equal(ring_shim_stop().refused, 20);
        fixture_close(&fixture);
    }
    watchdog(0);
}

/* Being interrupted is no error however often it happens. */
static void interrupted_time_and_again(void **state)
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

/* A code that will not pass: all that the kernel has not taken fails with it, at once. */
static void refused_for_good(void **state)
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

/* The descriptor is no ring any more: nothing is sent to whatever it is now. */
static void descriptor_is_lost(void **state)
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
        fixture_close(&fixture);
    }
}

/* Waiting fails while the kernel has reads of ours. They are not given up before they had time to
 * end, since their buffers are the kernel's until then. */
static void waiting_fails(void **state)
{
    struct fixture fixture;
    struct timespec start;
    const struct ring_faults a_while = {.call_code = -EFAULT, .call_count = 30, .waits_only = true};
    const struct ring_faults for_ever = {
        .call_code = -EFAULT, .call_count = UINT64_MAX, .waits_only = true};

    (void)state;
    watchdog(120);
    fixture_open(&fixture, "uring_direct", 8);
    submit_all(&fixture);
    ring_shim_start(&a_while);
    reap_all(&fixture, 0);
    (void)ring_shim_stop();

    submit_all(&fixture);
    ring_shim_start(&for_ever);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned n = 0; n < 8; n++) {
        unsigned k = window_reap(&fixture.window);
        int code = fixture.window.requests[k].code;
        assert_true(code == 0 || code == -EFAULT);
    }
    assert_true(seconds_since(&start) < 30);
    (void)ring_shim_stop();
    fixture_close(&fixture);
    watchdog(0);
}

/* Every other completion is dropped, those of the markers that are to find it out among them. */
static void half_of_the_completions_lost(void **state)
{
    struct fixture fixture;
    const struct ring_faults half = {.seed = 2, .lose = 2};

    (void)state;
    watchdog(60);
    fixture_open(&fixture, "uring", 32);
    ring_shim_start(&half);
    submit_all(&fixture);
    reap_all(&fixture, 0);
    assert_true(ring_shim_stop().lost > 10);
    submit_all(&fixture);
    reap_all(&fixture, 0);
    fixture_close(&fixture);
    watchdog(0);
}

/* ---------------------------------------------------------------- signals */

static void on_signal(int number)
{
    (void)number;
}

/* Real signals, many a millisecond, while reads are waited for. */
static void real_signals(void **state)
{
    const struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
    const struct itimerval often = {{0, 150}, {0, 150}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct variant variant;
    struct window window;
    struct content content;

    (void)state;
    assert_true(variant_find("uring_direct", &variant));
    content_make(&content, directory.path, 4 << 20, 60, true);
    window_open(&window, &variant.backend, 16, ROOM);
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &often, NULL);
    (void)window_random_reads(&window, test_scaled(5000), &content, 1, 61, NULL);
    (void)setitimer(ITIMER_REAL, &never, NULL);
    window_close(&window);
    content_close(&content);
}

/* ---------------------------------------------------------------- destroying in a storm */

static void destroyed_in_a_storm(void **state)
{
    const struct ring_faults faults = {.seed = 5,
                                       .refuse = 8,
                                       .interrupt = 8,
                                       .partial = 4,
                                       .early = 4,
                                       .cut = 4,
                                       .put_off = 4,
                                       .fail = 8,
                                       .lose = 50,
                                       .shuffle = true};
    rng_state rng = {62};
    struct ring_faults plan = faults;

    (void)state;
    watchdog(120);
    for (size_t round = 0; round < test_scaled(300); round++) {
        struct fixture fixture;
        fixture_open(&fixture, round % 2 ? "uring" : "uring_small_cq_direct", 40);
        plan.seed = round;
        ring_shim_start(&plan);
        submit_all(&fixture);
        for (uint64_t n = rng_below(&rng, 40); n > 0; n--)
            (void)window_reap(&fixture.window);
        fixture.window.backend->destroy(fixture.window.io);
        fixture.window.io = NULL;
        (void)ring_shim_stop();
        memset(fixture.window.memory, 0x3c, fixture.window.memory_size);
        const struct timespec pause = {.tv_nsec = 500000};
        (void)nanosleep(&pause, NULL);
        for (size_t i = 0; i < fixture.window.memory_size; i++)
            if (fixture.window.memory[i] != 0x3c)
                fail_msg("byte %zu was written after destroy", i);
        fixture_close(&fixture);
    }
    watchdog(0);
}

static int group_setup(void **state)
{
    (void)state;
    tmpdir_make(&directory);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    tmpdir_remove(&directory);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storms),
        cmocka_unit_test(storms_of_one_kind),
        cmocka_unit_test(results_that_never_pass),
        cmocka_unit_test(results_that_are_final),
        cmocka_unit_test(results_that_are_short),
        cmocka_unit_test(end_of_file_takes_one_read),
        cmocka_unit_test(refused_for_want_of_resources),
        cmocka_unit_test(interrupted_time_and_again),
        cmocka_unit_test(refused_for_good),
        cmocka_unit_test(descriptor_is_lost),
        cmocka_unit_test(waiting_fails),
        cmocka_unit_test(half_of_the_completions_lost),
        cmocka_unit_test(real_signals),
        cmocka_unit_test(destroyed_in_a_storm),
    };
    struct variant uring;

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (variant_find("uring", &uring))
        variant_require(&uring);
    int failed = cmocka_run_group_tests(tests, group_setup, group_teardown);
    (void)printf("%llu faults at random\n", (unsigned long long)total);
    return failed;
}
