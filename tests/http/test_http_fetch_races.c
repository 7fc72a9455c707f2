/* Downloads to one path by two processes: what one of them has published, or is about to, the other
 * leaves alone. */
#include "fixtures.h"
#include "http_stores.h"
#include "stores.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static http_stores stores;
static char *target;
static char *partial;

/* ---------------------------------------------------------------- the other process */

static void (*at_open)(void);   /* called when PATH.partial was opened, but not locked yet; once */
static void (*at_rename)(void); /* called before it is renamed; once */

static void call_once(void (**hook)(void))
{
    void (*const call)(void) = *hook;

    *hook = NULL;
    if (call != NULL)
        call();
}

int __real_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);

static int opened(const char *path, int fd)
{
    if (partial != NULL && strcmp(path, partial) == 0)
        call_once(&at_open);
    return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list list;

    va_start(list, flags);
    const mode_t mode = (flags & O_CREAT) ? (mode_t)va_arg(list, int) : 0;
    va_end(list);
    return opened(path, __real_open(path, flags, mode));
}

int __wrap_open64(const char *path, int flags, ...)
{
    va_list list;

    va_start(list, flags);
    const mode_t mode = (flags & O_CREAT) ? (mode_t)va_arg(list, int) : 0;
    va_end(list);
    return opened(path, __real_open64(path, flags, mode));
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    call_once(&at_rename);
    return __real_renameat(from_dir, from, to_dir, to);
}

/* Whether another process can lock the file. */
static int is_free(const char *path)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0) {
        const int fd = open(path, O_RDWR);
        _exit(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---------------------------------------------------------------- tests */

static int seen_free;
static int seen_intact;

static void look_at_lock(void)
{
    seen_free = is_free(partial);
}

static void publish(void)
{
    assert_int_equal(rename(partial, target), 0);
}

static int is_same_file(const char *a, const char *b)
{
    size_t size[2];
    unsigned char *bytes[2] = {file_read(a, &size[0]), file_read(b, &size[1])};
    const int same = size[0] == size[1] && memcmp(bytes[0], bytes[1], size[0]) == 0;

    free(bytes[0]);
    free(bytes[1]);
    return same;
}

static void look_at_target(void)
{
    seen_intact = is_same_file(target, stores.path[0]);
}

static int fetch(size_t store, ikv_error *err)
{
    ikv_open_options open_options = IKV_OPEN_OPTIONS_INIT;
    char *url = http_server_url(stores.server, stores.path[store]);

    open_options.key_type = IKV_KEY_U64;
    const int code = ikv_fetch(url, target, &open_options, NULL, NULL, err);
    free(url);
    return code;
}

/* Verifying the file opens and closes it again. */
static void locked_until_it_is_published(void **state)
{
    ikv_error err;

    (void)state;
    seen_free = -1;
    at_rename = look_at_lock;
    assert_ok(fetch(1, &err), &err);
    assert_int_equal(seen_free, 0);
    assert_true(is_same_file(target, stores.path[1]));
    assert_int_equal(is_free(target), 1);
}

static void published_before_it_was_locked(void **state)
{
    size_t size;
    unsigned char *bytes = file_read(stores.path[0], &size);
    struct stat st;
    ikv_error err;

    (void)state;
    file_write(partial, bytes, size);
    free(bytes);
    seen_intact = -1;
    at_open = publish;
    at_rename = look_at_target;
    assert_ok(fetch(1, &err), &err);
    assert_int_equal(seen_intact, 1);
    assert_true(is_same_file(target, stores.path[1]));
    assert_int_equal(stat(partial, &st), -1);
}

static int setup(void **state)
{
    http_stores_start(&stores, state, 20000, MODEL_SIZES_SMALL);
    target = tmpdir_file(&group_dir, "fetched");
    partial = tmpdir_file(&group_dir, "fetched.partial");
    return 0;
}

static int teardown(void **state)
{
    free(target);
    free(partial);
    partial = NULL;
    return http_stores_stop(&stores, state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locked_until_it_is_published),
        cmocka_unit_test(published_before_it_was_locked),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
