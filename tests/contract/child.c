#include "child.h"

#include "tmpdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void child_failed(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "%s:%d: failed in a child process: %s\n", file, line, condition);
    _exit(1);
}

void in_child(void (*run)(void *user), void *user)
{
    int status;

    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        test_die("fork: %s", strerror(errno));
    if (child == 0) {
        run(user);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            test_die("waitpid: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("a child process ended with status %#x", (unsigned)status);
}
