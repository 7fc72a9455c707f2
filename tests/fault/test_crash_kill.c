/* A building process is killed before, in and after every call that writes, and at random moments:
 * the path has the complete old or new store, and an orphaned file does not open as a store. */
#include "fault_io.h"
#include "hostkey.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "victim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct tally {
    size_t killed;
    size_t completed;
    size_t old_seen;
    size_t new_seen;
    size_t orphans;
    size_t incomplete; /* orphans refused with IKV_E_INCOMPLETE */
} tally;

/* An orphan is incomplete, shorter than a header, or the complete new store before its rename. With
 * a torn header, it may be refused with other codes. */
static void check_orphan(const victim *self, bool torn, tally *counts)
{
    char *path = victim_orphan(self);
    if (path == NULL)
        return;
    if (victim_orphans(self) > 1)
        fail_msg("more than one orphan");
    counts->orphans++;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    options.key_type = self->setup.type;
    int code = ikv_open(path, &options, &store, NULL);
    if (code == 0) {
        size_t size;
        unsigned char *image = file_read(path, &size);
        bool same = size == self->new_size && memcmp(image, self->new_image, size) == 0;
        free(image);
        ikv_close(store);
        if (!same)
            fail_msg("an unfinished file opens as a store");
    } else {
        bool has_header = file_size(path) >= DECODER_HEADER_SIZE;
        if (code != (has_header ? IKV_E_INCOMPLETE : IKV_E_NOT_STORE) && !torn)
            fail_msg("an unfinished file was refused with %d (%s)", code, ikv_strerror(code));
        counts->incomplete += code == IKV_E_INCOMPLETE;
    }
    free(path);
}

/* Checks the directory after a build by a child that ended with `status`. */
static void check_aftermath(const victim *self, int status, bool torn, tally *counts)
{
    bool is_new = victim_is_new(self);
    bool is_old = victim_is_old(self);

    if (!is_new && !is_old)
        fail_msg("the path has neither the old nor the new store");
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_true(is_new);
        assert_int_equal(victim_orphans(self), 0);
        counts->completed++;
    } else {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        counts->killed++;
    }
    counts->new_seen += is_new;
    counts->old_seen += is_old;
    check_orphan(self, torn, counts);
    if (!is_old || victim_orphans(self) > 0)
        victim_reset(self);
}

static void print_tally(const char *what, const tally *counts)
{
    print_message("%s: %zu killed, %zu completed; %zu old, %zu new; "
                  "%zu orphans, %zu of them incomplete\n",
                  what, counts->killed, counts->completed, counts->old_seen, counts->new_seen,
                  counts->orphans, counts->incomplete);
}

/* ---------------------------------------------------------------- every call */

static pid_t start_build(victim *self, const fault_plan *plan)
{
    pid_t child = fork();
    if (child < 0)
        test_die("fork failed");
    if (child == 0) {
        fault_start(plan, NULL, NULL);
        _exit(victim_build(self, NULL) == 0 ? 0 : 1);
    }
    return child;
}

static int wait_for(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child)
        test_die("waitpid failed");
    return status;
}

static uint64_t count_calls(victim *self, unsigned calls, bool no_tmpfile)
{
    fault_plan plan = {.calls = calls, .action = FAULT_NOTHING, .no_tmpfile = no_tmpfile};
    ikv_error err;
    fault_start(&plan, NULL, NULL);
    int code = victim_build(self, &err);
    uint64_t count = fault_stop().calls;
    assert_ok(code, &err);
    victim_reset(self);
    return count;
}

/* Kills a build at about `max` of the calls that write (0: at all of them), always at the last
 * ones, which publish the store. */
static void kill_at_calls(const victim_setup *setup, bool no_tmpfile, size_t max)
{
    victim self;
    tally counts = {.killed = 0};

    victim_make(&self, setup);
    uint64_t count = count_calls(&self, FAULT_WRITE_CLASS, no_tmpfile);
    uint64_t step = max > 0 && count > max ? (count + max - 1) / max : 1;
    for (uint64_t index = 0; index < count; index++) {
        bool is_chosen = max > 0 ? index % step == 0 : test_in_sample(index, count, 12);
        if (!is_chosen && index + 4 < count)
            continue;
        for (int action = FAULT_KILL_BEFORE; action <= FAULT_KILL_AFTER; action++) {
            fault_plan plan = {FAULT_WRITE_CLASS,    index, false,
                               (fault_action)action, 0,     no_tmpfile};
            check_aftermath(&self, wait_for(start_build(&self, &plan)),
                            action == FAULT_KILL_HALFWAY, &counts);
        }
    }
    print_tally("every call", &counts);
    assert_int_equal(counts.completed, 0);
    assert_true(counts.new_seen > 0);
    assert_true(counts.old_seen > 0);
    assert_true(counts.orphans > 0);
    victim_free(&self);
}

static void small_build(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 500, .sizes = MODEL_SIZES_MIXED};
    kill_at_calls(&setup, false, 0);
}

static void first_build_at_a_path(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U32, .pairs = 50, .no_old_store = true};
    kill_at_calls(&setup, false, 0);
}

static void plain_build(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U32, .pairs = 300, .flags = IKV_WRITE_PLAIN};
    kill_at_calls(&setup, false, 0);
}

static victim_setup spilled(void)
{
    return (victim_setup){.type = IKV_KEY_BYTES(128),
                          .pairs = 40000,
                          .sizes = MODEL_SIZES_EIGHT,
                          .memory = 8u << 20,
                          .duplicates = true};
}

static void spilled_build_that_drops_duplicates(void **state)
{
    (void)state;
    victim_setup setup = spilled();
    kill_at_calls(&setup, false, test_scaled_min(60, 6));
}

/* ---------------------------------------------------------------- random moments */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / UINT64_C(1000000000)), (long)(ns % UINT64_C(1000000000))};
    nanosleep(&time, NULL);
}

static uint64_t shortest_build(victim *self)
{
    uint64_t shortest = UINT64_MAX;
    for (size_t i = 0; i < 9; i++) {
        uint64_t begin = now_ns();
        assert_int_equal(wait_for(start_build(self, NULL)), 0);
        uint64_t duration = now_ns() - begin;
        shortest = duration < shortest ? duration : shortest;
        victim_reset(self);
    }
    return shortest;
}

static void kill_at_random(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 3000, .sizes = MODEL_SIZES_MIXED};
    victim self;
    tally counts = {.killed = 0};
    rng_state rng = {4711};

    victim_make(&self, &setup);
    uint64_t duration = shortest_build(&self);
    /* A busy machine may wake up too late again and again: on, until a build was killed. */
    const size_t rounds = test_scaled(1000);
    for (size_t n = 0; n < rounds || (counts.killed == 0 && n < 10000); n++) {
        pid_t child = start_build(&self, NULL);
        sleep_ns(rng_below(&rng, duration));
        kill(child, SIGKILL);
        check_aftermath(&self, wait_for(child), false, &counts);
    }
    print_tally("random moments", &counts);
    assert_true(counts.killed > 0);
    victim_free(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(small_build, stop_faults),
        cmocka_unit_test_teardown(first_build_at_a_path, stop_faults),
        cmocka_unit_test_teardown(plain_build, stop_faults),
        cmocka_unit_test_teardown(spilled_build_that_drops_duplicates, stop_faults),
        cmocka_unit_test_teardown(kill_at_random, stop_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
