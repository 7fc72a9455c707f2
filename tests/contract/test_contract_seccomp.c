/* Rings under seccomp filters, as container runtimes and browsers install them. */
#include "child.h"
#include "content.h"
#include "fixtures.h"
#include "variants.h"
#include "window.h"

#include "iouring/explain.h"
#include "iouring/uring.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define ROOM ((size_t)2 * CONTENT_ALIGNMENT)

static struct content file;

/* Makes the system call fail with this error in this process from here on. */
static void forbid(long call, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

    CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHILD_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void child_without_setup(void *user)
{
    const int error = *(const int *)user;
    const struct ikv_io_options options = {.depth = 4};
    struct ikv_io *io = NULL;
    char why[300];

    size_t before = process_descriptors();
    forbid(SYS_io_uring_setup, error);
    CHILD_CHECK(ikv_io_uring.create(&options, &io) == -error);
    CHILD_CHECK(io == NULL);
    CHILD_CHECK(ikv_uring_probe(why, sizeof why) == -error);
    CHILD_CHECK(strstr(why, error == EPERM ? "EPERM" : "ENOSYS"));
    CHILD_CHECK(strstr(why, "seccomp"));
    CHILD_CHECK(!strstr(why, error == EPERM ? "ENOSYS" : "EPERM"));
    CHILD_CHECK(process_descriptors() == before);
}

static void setup_is_forbidden(void **state)
{
    int errors[] = {EPERM, ENOSYS};

    (void)state;
    in_child(child_without_setup, &errors[0]);
    in_child(child_without_setup, &errors[1]);
}

static void child_without_register(void *user)
{
    struct window window;

    forbid(SYS_io_uring_register, *(const int *)user);
    CHILD_CHECK(window_try_open(&window, &ikv_io_uring, 4, ROOM) == 0);
    CHILD_CHECK(ikv_uring_feature_bits(window.io) ==
                (IKV_URING_FEATURES & ~(unsigned)(IKV_URING_BUFFERS | IKV_URING_FILES)));
    for (unsigned i = 0; i < 4; i++) {
        read_begin(&window.requests[i], &file, &window.rooms[i], i * 100, 1000, 1000);
        CHILD_CHECK(window.backend->submit(window.io, &window.requests[i]) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        const struct ikv_io_request *request = window.backend->reap(window.io);
        CHILD_CHECK(request && request->code == 0);
        CHILD_CHECK(memcmp(request->buffer, file.bytes + request->offset, 1000) == 0);
    }
    window_close(&window);
}

static void registering_is_forbidden(void **state)
{
    int errors[] = {EPERM, ENOSYS};

    (void)state;
    in_child(child_without_register, &errors[0]);
    in_child(child_without_register, &errors[1]);
}

/* A ring that can be set up but not entered: each request fails with the error. */
static void child_without_enter(void *user)
{
    const int error = *(const int *)user;
    struct window window;

    CHILD_CHECK(window_try_open(&window, &ikv_io_uring, 64, ROOM) == 0);
    forbid(SYS_io_uring_enter, error);
    for (unsigned i = 0; i < 64; i++) {
        read_begin(&window.requests[i], &file, &window.rooms[i], i * 100, 1000, 1000);
        CHILD_CHECK(window.backend->submit(window.io, &window.requests[i]) == 0);
    }
    for (unsigned i = 0; i < 64; i++) {
        const struct ikv_io_request *request = window.backend->reap(window.io);
        CHILD_CHECK(request && request->code == -error);
    }
    CHILD_CHECK(window.backend->reap(window.io) == NULL);
    window_close(&window);
}

static void entering_is_forbidden(void **state)
{
    int errors[] = {EPERM, ENOSYS};

    (void)state;
    in_child(child_without_enter, &errors[0]);
    in_child(child_without_enter, &errors[1]);
}

static int group_setup(void **state)
{
    (void)group_dir_setup(state);
    content_make(&file, group_dir.path, 100000, 1, false);
    return 0;
}

static int group_teardown(void **state)
{
    content_close(&file);
    return group_dir_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setup_is_forbidden),
        cmocka_unit_test(registering_is_forbidden),
        cmocka_unit_test(entering_is_forbidden),
    };
    variant_require_uring();
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
