/* Each system call of a build fails, in each way it can: the build either succeeds with the right
 * bytes, or fails with that error, leaves the old store unchanged and no other file. */
#include "fault_io.h"
#include "process.h"
#include "scale.h"
#include "stores.h"
#include "victim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A build takes milliseconds. If one loops forever, SIGALRM ends the test. */
#define HANG_SECONDS 60

typedef enum outcome {
    MUST_FAIL,    /* with that errno */
    MUST_SUCCEED, /* as without the fault */
    MAY_EITHER
} outcome;

typedef struct fault_case {
    fault_call call;
    fault_action action;
    int error;
    bool for_good;
    outcome outcome;
} fault_case;

static const fault_case cases[] = {
    {FAULT_OPEN, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_OPEN, FAULT_FAIL, EIO, true, MUST_FAIL},
    {FAULT_OPEN, FAULT_FAIL, ENOSPC, false, MUST_FAIL},
    {FAULT_OPEN, FAULT_FAIL, EMFILE, false, MUST_FAIL},
    {FAULT_OPEN, FAULT_FAIL, EACCES, true, MUST_FAIL},
    {FAULT_OPEN, FAULT_FAIL, EINTR, false, MAY_EITHER},
    {FAULT_OPEN, FAULT_FAIL, EEXIST, false, MAY_EITHER},
    {FAULT_OPEN, FAULT_FAIL, EEXIST, true, MUST_FAIL},
    {FAULT_OPEN, FAULT_FAIL, EOPNOTSUPP, false, MAY_EITHER},
    {FAULT_READ, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_READ, FAULT_FAIL, EIO, true, MUST_FAIL},
    {FAULT_READ, FAULT_FAIL, EINTR, false, MUST_SUCCEED},
    {FAULT_READ, FAULT_SHORT, 0, false, MUST_SUCCEED},
    {FAULT_READ, FAULT_SHORT, 0, true, MUST_SUCCEED},
    {FAULT_READ, FAULT_ZERO, 0, false, MUST_FAIL},
    {FAULT_READ, FAULT_ZERO, 0, true, MUST_FAIL},
    {FAULT_WRITE, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_WRITE, FAULT_FAIL, EIO, true, MUST_FAIL},
    {FAULT_WRITE, FAULT_FAIL, ENOSPC, false, MUST_FAIL},
    {FAULT_WRITE, FAULT_FAIL, ENOSPC, true, MUST_FAIL},
    {FAULT_WRITE, FAULT_FAIL, EDQUOT, false, MUST_FAIL},
    {FAULT_WRITE, FAULT_FAIL, EINTR, false, MUST_SUCCEED},
    {FAULT_WRITE, FAULT_SHORT, 0, false, MUST_SUCCEED},
    {FAULT_WRITE, FAULT_SHORT, 0, true, MUST_SUCCEED},
    {FAULT_WRITE, FAULT_ZERO, 0, false, MUST_FAIL},
    {FAULT_WRITE, FAULT_ZERO, 0, true, MUST_FAIL},
    {FAULT_FTRUNCATE, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_FTRUNCATE, FAULT_FAIL, ENOSPC, true, MUST_FAIL},
    {FAULT_FTRUNCATE, FAULT_FAIL, EINTR, false, MAY_EITHER},
    {FAULT_FCHMOD, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_FCHMOD, FAULT_FAIL, EPERM, true, MUST_FAIL},
    {FAULT_STAT, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_STAT, FAULT_FAIL, EIO, true, MUST_FAIL},
    {FAULT_FSYNC, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_FSYNC, FAULT_FAIL, EIO, true, MUST_FAIL},
    {FAULT_FSYNC, FAULT_FAIL, ENOSPC, false, MUST_FAIL},
    {FAULT_FSYNC, FAULT_FAIL, EINTR, false, MAY_EITHER},
    {FAULT_RENAME, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_RENAME, FAULT_FAIL, EACCES, true, MUST_FAIL},
    {FAULT_UNLINK, FAULT_FAIL, EIO, false, MAY_EITHER},
    {FAULT_UNLINK, FAULT_FAIL, EIO, true, MAY_EITHER},
    {FAULT_CLOSE, FAULT_FAIL, EIO, false, MAY_EITHER},
    {FAULT_CLOSE, FAULT_FAIL, EIO, true, MAY_EITHER},
    {FAULT_CLOSE, FAULT_FAIL, EINTR, false, MAY_EITHER},
    {FAULT_GETRANDOM, FAULT_FAIL, EIO, false, MUST_FAIL},
    {FAULT_GETRANDOM, FAULT_FAIL, ENOSYS, true, MAY_EITHER},
    {FAULT_ADVISE, FAULT_FAIL, EIO, false, MUST_SUCCEED},
    {FAULT_ADVISE, FAULT_FAIL, EIO, true, MUST_SUCCEED},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

#define CALLS_MAX 4096

typedef struct call_list {
    size_t count;
    fault_call calls[CALLS_MAX];
    bool synced;           /* the last write to a file was followed by its sync */
    bool renamed_synced;   /* so it was at the last rename */
    bool directory_synced; /* the directory was synced after that */
} call_list;

static bool is_directory(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static void note_sync(call_list *list, const fault_event *event)
{
    if (event->call == FAULT_WRITE) {
        list->synced = false;
    } else if (event->call == FAULT_FSYNC && is_directory(event->fd)) {
        list->directory_synced = true;
    } else if (event->call == FAULT_FSYNC) {
        list->synced = true;
    } else if (event->call == FAULT_RENAME) {
        list->renamed_synced = list->synced;
        list->directory_synced = false;
    }
}

static void note_call(void *user, const fault_event *event)
{
    call_list *list = user;
    if (list->count < CALLS_MAX)
        list->calls[list->count] = event->call;
    list->count++;
    note_sync(list, event);
}

static void describe(const fault_case *what, uint64_t index, int code, const ikv_error *err)
{
    print_error("call %llu (%s), fault: %s%s: build returned %d (%s)\n", (unsigned long long)index,
                fault_call_name(what->call),
                what->action == FAULT_FAIL    ? strerror(what->error)
                : what->action == FAULT_SHORT ? "a short count"
                                              : "a count of 0",
                what->for_good ? ", for good" : "", code, code < 0 ? err->message : "success");
}

static bool is_expected_code(const fault_case *what, int code)
{
    if (what->action == FAULT_ZERO)
        return code == -EIO || code == -ENOSPC || code == IKV_E_TRUNCATED;
    return code == -what->error;
}

/* A merge repeats a failed read of several records of an input for each of them. */
static bool may_be_repeated(const victim *self, const fault_case *what)
{
    return self->setup.merged && what->call == FAULT_READ && !what->for_good;
}

/* What is wrong after the build, NULL if nothing is. */
static const char *judge(const victim *self, const fault_case *what, const fault_report *report,
                         int code, const ikv_error *err)
{
    bool unlink_failed = what->call == FAULT_UNLINK && what->action == FAULT_FAIL;

    if (report->fsync_repeated)
        return "a file was synced again after its fsync failed";
    if (victim_orphans(self) > (unlink_failed ? report->faults : 0))
        return "a file is left";
    if (code == 0 && what->outcome == MUST_FAIL && !may_be_repeated(self, what))
        return "success despite the fault";
    if (code == 0)
        return victim_is_new(self) ? NULL : "success with a wrong store";
    if (err->code != code || err->message[0] == '\0')
        return "the error is not filled in";
    if (code == IKV_E_DURABILITY) {
        if (!report->after_rename || !report->on_directory)
            return "IKV_E_DURABILITY without a failed sync of the directory";
        return victim_is_new(self) ? NULL : "IKV_E_DURABILITY with a wrong store";
    }
    if (report->after_rename)
        return "failure after the rename";
    if (what->outcome == MUST_SUCCEED)
        return "failure of a call that can be continued";
    if (!is_expected_code(what, code))
        return "not the error of the call";
    return victim_is_old(self) ? NULL : "the old store was changed";
}

/* False if the fault is not possible in this call: one byte cannot be transferred in part. */
static bool inject_at_call(victim *self, const fault_case *what, uint64_t index, bool no_tmpfile)
{
    fault_plan plan = {FAULT_ALL_CALLS, index,       what->for_good,
                       what->action,    what->error, no_tmpfile};
    size_t descriptors = process_descriptors();
    ikv_error err;

    memset(&err, 0, sizeof(err));
    fault_start(&plan, NULL, NULL);
    alarm(HANG_SECONDS);
    int code = victim_build(self, &err);
    alarm(0);
    fault_report report = fault_stop();
    if (report.faults == 0) {
        victim_reset(self); /* it was built */
        return false;
    }
    const char *wrong = judge(self, what, &report, code, &err);
    if (wrong == NULL && process_descriptors() != descriptors)
        wrong = "a descriptor is left open";
    if (wrong != NULL) {
        describe(what, index, code, &err);
        fail_msg("%s", wrong);
    }
    if (!victim_is_old(self) || victim_orphans(self) > 0)
        victim_reset(self);
    return true;
}

static void list_calls(victim *self, bool no_tmpfile, call_list *ret_list)
{
    fault_plan none = {.calls = FAULT_ALL_CALLS, .action = FAULT_NOTHING, .no_tmpfile = no_tmpfile};
    ikv_error err;

    *ret_list = (call_list){.count = 0};
    fault_start(&none, note_call, ret_list);
    assert_ok(victim_build(self, &err), &err);
    fault_stop();
    assert_true(victim_is_new(self));
    victim_reset(self);
    assert_in_range(ret_list->count, 8, CALLS_MAX);
    assert_true(ret_list->renamed_synced);
    assert_true(ret_list->directory_synced);
}

/* Injects each fault into each call of a build; with `max` > 0 only in about this many cases,
 * evenly spread. Each kind of fault occurs at least once. */
static void inject_into_build(const victim_setup *setup, bool no_tmpfile, size_t max)
{
    bool injected[CASES] = {false};
    call_list list;
    victim self;
    size_t possible = 0;
    size_t number = 0;
    size_t done = 0;

    victim_make(&self, setup);
    list_calls(&self, no_tmpfile, &list);
    for (size_t i = 0; i < list.count; i++)
        for (size_t c = 0; c < CASES; c++)
            possible += cases[c].call == list.calls[i];
    size_t step = max > 0 ? (possible + max - 1) / max : 1;
    for (size_t i = 0; i < list.count; i++)
        for (size_t c = 0; c < CASES; c++) {
            if (cases[c].call != list.calls[i])
                continue;
            bool is_chosen =
                max > 0 ? number++ % step == 0 : test_in_sample(1000 * c + i, list.count, 3);
            if (injected[c] && !is_chosen)
                continue;
            injected[c] |= inject_at_call(&self, &cases[c], i, no_tmpfile);
            done++;
        }
    print_message("%zu calls, %zu of %zu cases\n", list.count, done, possible);
    victim_free(&self);
}

/* ---------------------------------------------------------------- the builds */

static void small_build(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 500, .sizes = MODEL_SIZES_MIXED};
    inject_into_build(&setup, false, 0);
}

static void first_build_at_a_path(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_I16, .pairs = 200, .no_old_store = true};
    inject_into_build(&setup, false, 0);
}

static void plain_build(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U32, .pairs = 300, .flags = IKV_WRITE_PLAIN};
    inject_into_build(&setup, false, 0);
}

static void build_that_drops_duplicates(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64,
                          .pairs = 400,
                          .sizes = MODEL_SIZES_MIXED,
                          .duplicates = true,
                          .by_callback = true};
    inject_into_build(&setup, false, 0);
}

static void merge_of_two_stores(void **state)
{
    (void)state;
    victim_setup setup = {
        .type = IKV_KEY_U64, .pairs = 400, .sizes = MODEL_SIZES_MIXED, .merged = true};
    inject_into_build(&setup, false, 0);
}

static void build_of_ranges(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_BYTES(64),
                          .pairs = 40000,
                          .sizes = MODEL_SIZES_EIGHT,
                          .memory = 16u << 20,
                          .ranges = true};
    inject_into_build(&setup, false, test_scaled(100));
}

static victim_setup spilled(void)
{
    return (victim_setup){.type = IKV_KEY_BYTES(128),
                          .pairs = 40000,
                          .sizes = MODEL_SIZES_EIGHT,
                          .memory = 8u << 20,
                          .duplicates = true};
}

static void spilled_build(void **state)
{
    (void)state;
    victim_setup setup = spilled();
    inject_into_build(&setup, false, test_scaled(300));
}

static void spilled_build_without_o_tmpfile(void **state)
{
    (void)state;
    victim_setup setup = spilled();
    inject_into_build(&setup, true, test_scaled(150));
}

/* ---------------------------------------------------------------- after a failure */

/* After a failure, every later call returns the same code, and finish cleans up. */
static void a_writer_that_failed_stays_failed(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 10};
    fault_plan plan = {FAULT_BIT(FAULT_WRITE), 1, false, FAULT_FAIL, EIO, false};
    const size_t size = (size_t)3 << 20; /* more than a block, so that add writes */
    unsigned char *value = must_malloc(size);
    victim self;
    ikv_writer *writer = NULL;
    ikv_error err;
    uint64_t key = 1;

    memset(value, 7, size);
    victim_make(&self, &setup);
    fault_start(&plan, NULL, NULL); /* write 0 is the header's */
    assert_ok(ikv_writer_new(self.path, &self.options, &writer, &err), &err);
    assert_failed(ikv_writer_add(writer, &key, value, size, &err), -EIO, &err, self.path);
    assert_int_equal(fault_stop().faults, 1);
    assert_failed(ikv_writer_add(writer, &key, "v", 1, &err), -EIO, &err, self.path);
    assert_failed(ikv_writer_finish(writer, NULL, &err), -EIO, &err, self.path);
    assert_true(victim_is_old(&self));
    assert_int_equal(victim_orphans(&self), 0);
    victim_free(&self);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(small_build, stop_faults),
        cmocka_unit_test_teardown(first_build_at_a_path, stop_faults),
        cmocka_unit_test_teardown(plain_build, stop_faults),
        cmocka_unit_test_teardown(build_that_drops_duplicates, stop_faults),
        cmocka_unit_test_teardown(merge_of_two_stores, stop_faults),
        cmocka_unit_test_teardown(build_of_ranges, stop_faults),
        cmocka_unit_test_teardown(spilled_build, stop_faults),
        cmocka_unit_test_teardown(spilled_build_without_o_tmpfile, stop_faults),
        cmocka_unit_test_teardown(a_writer_that_failed_stays_failed, stop_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
