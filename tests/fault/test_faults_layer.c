/* Tests of the fault injection itself: if a layer missed calls, or the simulator crashes, the tests
 * that use them would pass wrongly. */
#include "fault_alloc.h"
#include "fault_io.h"
#include "platform.h"
#include "power_loss.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- system calls */

static void without_a_plan_calls_pass_through(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "file");
    char back[4];
    struct stat st;

    fault_start(NULL, NULL, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "abcd", 4, 0), 4);
    assert_int_equal(pread(fd, back, 4, 0), 4);
    assert_int_equal(ftruncate(fd, 3), 0);
    assert_int_equal(fchmod(fd, 0640), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    fault_report report = fault_stop();

    assert_memory_equal(back, "abcd", 4);
    assert_int_equal(st.st_size, 3);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(report.calls, 9);
    assert_int_equal(report.faults, 0);
    free(path);
    tmpdir_remove(&dir);
}

static void each_action_does_what_it_says(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "file");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    fault_plan plan = {FAULT_BIT(FAULT_WRITE), 1, false, FAULT_FAIL, ENOSPC, false};

    fault_start(&plan, NULL, NULL);
    assert_int_equal(write(fd, "abcd", 4), 4);
    assert_int_equal(write(fd, "efgh", 4), -1);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(write(fd, "ijkl", 4), 4);
    fault_report report = fault_stop();
    assert_int_equal(report.faults, 1);
    assert_int_equal(report.call, FAULT_WRITE);

    plan.for_good = true;
    fault_start(&plan, NULL, NULL);
    assert_int_equal(pwrite(fd, "abcd", 4, 0), 4);
    assert_int_equal(pwrite(fd, "efgh", 4, 0), -1);
    assert_int_equal(pwrite(fd, "ijkl", 4, 0), -1);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(fault_stop().faults, 2);

    plan = (fault_plan){FAULT_ALL_CALLS, 0, false, FAULT_SHORT, 0, false};
    fault_start(&plan, NULL, NULL);
    assert_int_equal(pwrite(fd, "abcd", 4, 100), 2);
    assert_int_equal(pwrite(fd, "abcd", 4, 100), 4);
    assert_int_equal(fault_stop().faults, 1);

    plan.action = FAULT_ZERO;
    fault_start(&plan, NULL, NULL);
    assert_int_equal(pwrite(fd, "abcd", 4, 200), 0);
    fault_stop();
    assert_int_equal(file_size(path), 104);

    plan.action = FAULT_FAIL;
    plan.error = EIO;
    fault_start(&plan, NULL, NULL);
    assert_int_equal(close(fd), -1);
    fault_stop();
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    free(path);
    tmpdir_remove(&dir);
}

static void repeated_fsync_is_noticed(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "file");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int directory = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fault_plan plan = {FAULT_BIT(FAULT_FSYNC), 0, false, FAULT_FAIL, EIO, false};

    fault_start(&plan, NULL, NULL);
    assert_int_equal(fsync(fd), -1);
    assert_int_equal(fsync(directory), 0);
    assert_false(fault_stop().fsync_repeated);
    fault_start(&plan, NULL, NULL);
    assert_int_equal(fsync(directory), -1);
    assert_int_equal(test_sync_data(directory), 0);
    fault_report report = fault_stop();
    assert_true(report.fsync_repeated);
    assert_true(report.on_directory);
    close(fd);
    close(directory);
    free(path);
    tmpdir_remove(&dir);
}

/* The size of the file after a child is killed at its second write. */
static size_t bytes_left_by_killed_child(const char *path, fault_action action)
{
    file_write(path, "", 0);
    pid_t child = fork();
    if (child == 0) {
        fault_plan plan = {FAULT_BIT(FAULT_WRITE), 1, false, action, 0, false};
        int fd = open(path, O_RDWR | O_CLOEXEC);
        fault_start(&plan, NULL, NULL);
        if (write(fd, "abcd", 4) == 4 && write(fd, "efgh", 4) == 4)
            _exit(0);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return (size_t)file_size(path);
}

static void kill_happens_where_planned(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "file");
    assert_int_equal(bytes_left_by_killed_child(path, FAULT_KILL_BEFORE), 4);
    assert_int_equal(bytes_left_by_killed_child(path, FAULT_KILL_HALFWAY), 6);
    assert_int_equal(bytes_left_by_killed_child(path, FAULT_KILL_AFTER), 8);
    free(path);
    tmpdir_remove(&dir);
}

/* ---------------------------------------------------------------- allocations */

/* Not inlined: the compiler assumes that realloc frees the block, even if it fails. */
static __attribute__((noinline)) void *resize(void *old, size_t size)
{
    return realloc(old, size);
}

static void allocations_are_counted_and_refused(void **state)
{
    (void)state;
    size_t live = fault_alloc_live();
    void *blocks[64];

    fault_alloc_start(FAULT_ALLOC_NONE, false);
    for (size_t i = 0; i < 64; i++)
        blocks[i] = malloc(i + 1);
    blocks[7] = realloc(blocks[7], 100);
    assert_int_equal(fault_alloc_live(), live + 64);
    for (size_t i = 0; i < 64; i++)
        free(blocks[63 - i]);
    fault_alloc_report report = fault_alloc_stop();
    assert_int_equal(report.calls, 65);
    assert_int_equal(report.failed, 0);
    assert_int_equal(report.peak, 64 * 65 / 2 - 8 + 100);
    assert_int_equal(fault_alloc_live(), live);

    fault_alloc_start(1, false);
    void *first = malloc(8);
    void *second = calloc(2, 8);
    void *third = malloc(8);
    fault_alloc_stop();
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    fault_alloc_start(0, true);
    assert_null(resize(first, 100)); /* does not free the old block */
    /* Called directly, clang leaves out allocations that are not used. */
    char *(*volatile duplicate)(const char *) = strdup;
    void *(*volatile allocate)(size_t, size_t) = aligned_alloc;
    assert_null(duplicate("text"));
    assert_null(allocate(64, 64));
    assert_int_equal(posix_memalign(&second, 64, 64), ENOMEM);
    assert_int_equal(fault_alloc_stop().failed, 4);
    free(first);
    free(third);
    assert_int_equal(fault_alloc_live(), live);
}

/* ---------------------------------------------------------------- power loss */

typedef enum publish_flaw {
    FLAW_NONE,
    FLAW_NO_FSYNC,           /* renames without syncing the file */
    FLAW_WRITE_AFTER_FSYNC,  /* writes to the file after syncing it */
    FLAW_NO_DIRECTORY_FSYNC, /* does not sync the directory */
    FLAW_IN_PLACE,           /* overwrites the old file */
    FLAW_UNLINK_FIRST        /* removes the old file before the rename */
} publish_flaw;

#define IMAGE_SIZE 5000

/* Replaces `path` as a writer of stores does, but with a flaw. */
static void publish(const tmpdir *dir, const char *path, const unsigned char *image,
                    publish_flaw flaw)
{
    char *temporary = flaw == FLAW_IN_PLACE ? strdup(path) : tmpdir_file(dir, "temporary");
    int directory = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool ok = directory >= 0 && fd >= 0;

    ok = ok && pwrite(fd, image, IMAGE_SIZE - 1000, 0) == IMAGE_SIZE - 1000;
    if (flaw == FLAW_WRITE_AFTER_FSYNC)
        ok = ok && fsync(fd) == 0;
    ok = ok && pwrite(fd, image + IMAGE_SIZE - 1000, 1000, IMAGE_SIZE - 1000) == 1000;
    if (flaw != FLAW_NO_FSYNC && flaw != FLAW_WRITE_AFTER_FSYNC)
        ok = ok && fsync(fd) == 0;
    ok = ok && close(fd) == 0;
    if (flaw == FLAW_UNLINK_FIRST)
        ok = ok && unlink(path) == 0;
    if (flaw != FLAW_IN_PLACE)
        ok = ok && rename(temporary, path) == 0;
    if (flaw != FLAW_NO_DIRECTORY_FSYNC)
        ok = ok && fsync(directory) == 0;
    ok = ok && close(directory) == 0;
    assert_true(ok);
    free(temporary);
}

static power_loss_result lose_power(publish_flaw flaw, size_t tear)
{
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "store");
    unsigned char old_image[IMAGE_SIZE];
    unsigned char new_image[IMAGE_SIZE];
    memset(old_image, 'o', sizeof(old_image));
    memset(new_image, 'n', sizeof(new_image));
    file_write(path, old_image, sizeof(old_image));

    power_log *log = power_log_new("store", old_image, sizeof(old_image));
    fault_start(NULL, power_log_observe, log);
    publish(&dir, path, new_image, flaw);
    fault_stop();
    power_loss_setup setup = {.tear = tear,
                              .samples = 500,
                              .seed = 1,
                              .new_image = new_image,
                              .new_size = sizeof(new_image),
                              .reported_success = true};
    power_loss_result result;
    memset(&result, 0, sizeof(result));
    power_loss_run(log, &setup, &result);
    power_log_free(log);
    free(path);
    tmpdir_remove(&dir);
    return result;
}

static void power_loss_finds_every_flaw(void **state)
{
    (void)state;
    for (size_t tear = 512; tear <= 4096; tear *= 8) {
        power_loss_result sound = lose_power(FLAW_NONE, tear);
        if (sound.violations != 0)
            fail_msg("no flaw: %s", sound.first);
        assert_true(sound.old_seen > 0);
        assert_true(sound.new_seen > 0);
        assert_true(sound.orphans > 0);
        assert_true(sound.exhaustive > 0);
        assert_int_equal(sound.old_seen + sound.new_seen, sound.disks);
        for (int flaw = FLAW_NO_FSYNC; flaw <= FLAW_UNLINK_FIRST; flaw++) {
            if (lose_power((publish_flaw)flaw, tear).violations == 0)
                fail_msg("flaw %d not found, tear %zu", flaw, tear);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_plan_calls_pass_through),
        cmocka_unit_test(each_action_does_what_it_says),
        cmocka_unit_test(repeated_fsync_is_noticed),
        cmocka_unit_test(kill_happens_where_planned),
        cmocka_unit_test(allocations_are_counted_and_refused),
        cmocka_unit_test(power_loss_finds_every_flaw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
