#include "base/signals.h"

#include "base/platform.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t caught_signal;

static const int caught_numbers[] = {SIGINT, SIGTERM, SIGHUP};
enum { CAUGHT_COUNT = sizeof caught_numbers / sizeof caught_numbers[0] };

static void store_signal(int number)
{
    caught_signal = number;
}

void signals_ignore_pipe(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
}

void signals_catch(void)
{
    for (size_t i = 0; i < CAUGHT_COUNT; i++) {
        struct sigaction before;
        sigaction(caught_numbers[i], NULL, &before);
        /* nohup and shells (for background jobs) ignore signals on purpose. */
        if (before.sa_handler == SIG_IGN)
            continue;
        /* No SA_RESTART: the signal must interrupt a read that waits for input. */
        struct sigaction action = {.sa_handler = store_signal};
        sigemptyset(&action.sa_mask);
        sigaction(caught_numbers[i], &action, NULL);
    }
}

int signals_caught(void)
{
    return (int)caught_signal; /* long on some systems */
}

int signals_wait_readable(int fd)
{
    sigset_t block, before;
    sigemptyset(&block);
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        sigaddset(&block, caught_numbers[i]);
    sigprocmask(SIG_BLOCK, &block, &before);
    int result = 0;
    for (;;) {
        if (caught_signal) {
            result = -1;
            break;
        }
        /* The read that follows reports any other error. */
        if (platform_wait_readable(fd, &before) == 0 || errno != EINTR)
            break;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return result;
}

void signals_reraise(int number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, number);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    raise(number);
    _exit(128 + number); /* not reached */
}
