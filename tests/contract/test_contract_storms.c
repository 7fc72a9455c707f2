/*
 * Many random faults of all kinds in the ring: no wrong byte, no hang, and each request completes
 * exactly once. With INDEXKV_TEST_SCALE=10 there are a million faults.
 */
#include "content.h"
#include "fixtures.h"
#include "ring_shim.h"
#include "scale.h"
#include "variants.h"
#include "window.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/time.h>

#include <cmocka.h>

#define ROOM ((size_t)2 * CONTENT_ALIGNMENT)

static uint64_t total; /* faults injected */

static bool is_eio(int code)
{
    return code == -EIO;
}

static void print_counts(const char *name, const struct ring_fault_counts *c)
{
    (void)printf(
        "  %s: %llu calls (refused %llu, interrupted %llu, partial %llu, early %llu), %llu "
        "completions (cut %llu, transient %llu, failed %llu, dropped %llu, reordered %llu)\n",
        name, (unsigned long long)c->calls, (unsigned long long)c->refused,
        (unsigned long long)c->interrupted, (unsigned long long)c->partial,
        (unsigned long long)c->early, (unsigned long long)c->completions,
        (unsigned long long)c->cut, (unsigned long long)c->transient, (unsigned long long)c->failed,
        (unsigned long long)c->dropped, (unsigned long long)c->reordered);
}

/* Random reads with a variant of the backend until `wanted` faults were injected. */
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
        content_make(&files[i], group_dir.path, 70000 + 12345 * i, 30 + i, variant.direct);
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

/* All kinds of faults at once, on several variants of the ring. */
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
                                       .transient = 8,
                                       .fail = 50,
                                       .drop = 300,
                                       .shuffle = true};
    const size_t variants = sizeof names / sizeof names[0];

    (void)state;
    for (size_t i = 0; i < variants; i++)
        for (size_t j = 0; j < sizeof depths / sizeof depths[0]; j++) {
            /* At small depths, each refusal costs a pause. */
            storm(names[i], &faults, depths[j], test_scaled(depths[j] > 10 ? 5500 : 500));
        }
}

/* Frequent faults of one kind at a time. */
static void storms_of_one_kind(void **state)
{
    static const struct ring_faults kinds[] = {
        {.seed = 1, .interrupt = 2}, {.seed = 2, .partial = 2},   {.seed = 3, .early = 2},
        {.seed = 4, .cut = 2},       {.seed = 5, .transient = 3}, {.seed = 6, .fail = 2},
        {.seed = 7, .drop = 20},     {.seed = 8, .shuffle = true}};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        storm("uring", &kinds[i], 64, test_scaled(2000));
        storm("uring_bare_direct", &kinds[i], 32, test_scaled(500));
    }
    const struct ring_faults refusing = {.seed = 9, .refuse = 2};
    storm("uring", &refusing, 64, test_scaled(200));
    /* Only reads that are not in the page cache make the call wait. */
    const struct ring_faults hasty = {.seed = 3, .early = 2};
    storm("uring_direct", &hasty, 64, test_scaled(1000));
}

/* ---------------------------------------------------------------- signals */

static void on_signal(int number)
{
    (void)number;
}

/* Signals, several per millisecond, while calls wait for reads. */
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
    content_make(&content, group_dir.path, 4 << 20, 60, true);
    window_open(&window, &variant.backend, 16, ROOM);
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &often, NULL);
    (void)window_random_reads(&window, test_scaled(5000), &content, 1, 61, NULL);
    (void)setitimer(ITIMER_REAL, &never, NULL);
    window_close(&window);
    content_close(&content);
}

/* ---------------------------------------------------------------- destroying */

static void destroying_with_faults(void **state)
{
    const struct ring_faults faults = {.seed = 5,
                                       .refuse = 8,
                                       .interrupt = 8,
                                       .partial = 4,
                                       .early = 4,
                                       .cut = 4,
                                       .transient = 4,
                                       .fail = 8,
                                       .drop = 50,
                                       .shuffle = true};
    rng_state rng = {62};
    struct ring_faults plan = faults;
    struct content buffered;
    struct content direct;

    (void)state;
    watchdog(120);
    content_make(&buffered, group_dir.path, 200000, 63, false);
    content_make(&direct, group_dir.path, 200000, 64, true);
    for (size_t round = 0; round < test_scaled(300); round++) {
        struct variant variant;
        struct window window;
        assert_true(variant_find(round % 2 ? "uring" : "uring_small_cq_direct", &variant));
        window_open(&window, &variant.backend, 40, ROOM);
        plan.seed = round;
        ring_shim_start(&plan);
        window_submit_all(&window, variant.direct ? &direct : &buffered);
        for (uint64_t n = rng_below(&rng, 40); n > 0; n--)
            (void)window_reap(&window);
        window_destroy_checked(&window);
        (void)ring_shim_stop();
        window_close(&window);
    }
    content_close(&buffered);
    content_close(&direct);
    watchdog(0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storms),
        cmocka_unit_test(storms_of_one_kind),
        cmocka_unit_test(real_signals),
        cmocka_unit_test(destroying_with_faults),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    variant_require_uring();
    int failed = cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
    (void)printf("%llu random faults\n", (unsigned long long)total);
    return failed;
}
