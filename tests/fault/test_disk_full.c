/* The disk is full at every point of a build: the build fails with the system's error, the old
 * store is unchanged, and no file is left. */
#include "platform.h"
#include "scale.h"
#include "stores.h"
#include "victim.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SKIPPED 77

/* About 4 MiB, with large and small values and an index. */
static victim_setup four_mebibytes(bool merged)
{
    return (victim_setup){
        .type = IKV_KEY_U64, .pairs = 12000, .sizes = MODEL_SIZES_MIXED, .merged = merged};
}

static void assert_clean_failure(const victim *self, int code, int expected, size_t limit,
                                 const ikv_error *err)
{
    if (code != expected)
        fail_msg("%zu bytes of space: %d (%s), expected %d", limit, code,
                 code < 0 ? err->message : "success", expected);
    assert_int_equal(err->code, code);
    if (!victim_is_old(self))
        fail_msg("%zu bytes of space: the old store was changed", limit);
    if (victim_orphans(self) > 0)
        fail_msg("%zu bytes of space: a file is left", limit);
}

/* ---------------------------------------------------------------- RLIMIT_FSIZE */

static void limit_file_size(rlim_t limit)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_FSIZE, &now) != 0)
        test_die("getrlimit: %s", strerror(errno));
    now.rlim_cur = limit < now.rlim_max ? limit : now.rlim_max;
    if (setrlimit(RLIMIT_FSIZE, &now) != 0)
        test_die("setrlimit: %s", strerror(errno));
}

static void limit_at_every_size(bool merged)
{
    victim_setup setup = four_mebibytes(merged);
    victim self;
    ikv_error err;
    size_t tried = 0;

    victim_make(&self, &setup);
    assert_in_range(self.new_size, 3u << 20, 8u << 20);
    /* In steps of 4 KiB in a long run; in a short one, fewer steps of odd size. */
    size_t steps = test_scaled(80);
    size_t step = self.new_size / steps < 4096 ? 4096 : self.new_size / steps;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    for (size_t limit = 0; limit < self.new_size; limit += step, tried++) {
        limit_file_size((rlim_t)limit);
        int code = victim_build(&self, &err);
        limit_file_size(RLIM_INFINITY);
        assert_clean_failure(&self, code, -EFBIG, limit, &err);
    }
    limit_file_size((rlim_t)self.new_size - 1);
    int code = victim_build(&self, &err);
    limit_file_size(RLIM_INFINITY);
    assert_clean_failure(&self, code, -EFBIG, self.new_size - 1, &err);

    limit_file_size((rlim_t)self.new_size);
    code = victim_build(&self, &err);
    limit_file_size(RLIM_INFINITY);
    assert_ok(code, &err);
    assert_true(victim_is_new(&self));
    (void)signal(SIGXFSZ, before);
    print_message("%zu limits below %zu bytes, one at it\n", tried + 1, self.new_size);
    victim_free(&self);
}

static void file_size_limit(void **state)
{
    (void)state;
    limit_at_every_size(false);
}

static void file_size_limit_of_a_merge(void **state)
{
    (void)state;
    limit_at_every_size(true);
}

/* ---------------------------------------------------------------- a small file system */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Without a mapping, users and groups cannot own files in a user namespace. */
static bool map_ids(long user, long group)
{
    char users[64];
    char groups[64];
    (void)snprintf(users, sizeof(users), "0 %ld 1", user);
    (void)snprintf(groups, sizeof(groups), "0 %ld 1", group);
    return write_text("/proc/self/uid_map", users) && write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/gid_map", groups);
}

/* Enters a new mount namespace, so that the mount is private and ends with the process. Without
 * privileges that needs a user namespace, too, if the system allows it. */
static bool enter_namespace(void)
{
    long user = (long)geteuid();
    long group = (long)getegid();
    if (user == 0 && test_unshare_mounts(false))
        return true;
    return test_unshare_mounts(true) && map_ids(user, group);
}

static bool mount_sized(const char *path, size_t size)
{
    char data[64];
    (void)snprintf(data, sizeof(data), "size=%zu", size);
    return test_mount_memory(path, data, false);
}

static bool resize_mount(const char *path, size_t size)
{
    char data[64];
    (void)snprintf(data, sizeof(data), "size=%zu", size);
    return test_mount_memory(path, data, true);
}

/* Rounded up to pages, as tmpfs counts. */
static size_t in_pages(size_t bytes)
{
    return (bytes + 4095) / 4096 * 4096;
}

/* Runs in a child process, which enters the namespaces. Mounting on the victim's directory hides
 * its contents, so they are written again. */
static void fill_small_disk(victim *self)
{
    size_t used = in_pages(self->old_size);
    size_t steps = test_scaled(40);
    size_t step = in_pages(self->new_size / steps);
    size_t tried = 0;
    ikv_error err;

    if (!enter_namespace() || !mount_sized(self->dir.path, used + 2 * self->new_size))
        _exit(SKIPPED);
    victim_reset(self);
    for (size_t room = 4096; room < self->new_size; room += step, tried++) {
        if (!resize_mount(self->dir.path, used + room))
            test_die("remount: %s", strerror(errno));
        int code = victim_build(self, &err);
        assert_clean_failure(self, code, -ENOSPC, room, &err);
    }
    if (!resize_mount(self->dir.path, used + in_pages(self->new_size) + 4096))
        test_die("remount: %s", strerror(errno));
    assert_ok(victim_build(self, &err), &err);
    assert_true(victim_is_new(self));
    print_message("%zu sizes below %zu bytes, one above it\n", tried, self->new_size);
}

static void small_file_system(void **state)
{
    (void)state;
    victim_setup setup = four_mebibytes(false);
    victim self;
    int status;

    victim_make(&self, &setup);
    fflush(stdout);
    fflush(stderr);
    pid_t child = fork();
    if (child == 0) {
        /* After a failed assertion the child returns from main with another exit status. */
        fill_small_disk(&self);
        fflush(stdout);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    victim_free(&self);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_size_limit),
        cmocka_unit_test(file_size_limit_of_a_merge),
        cmocka_unit_test(small_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
