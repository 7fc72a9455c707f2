/*
 * Signal handling. SIGPIPE is ignored, so that writing to a closed pipe fails with EPIPE and
 * temporary files can be removed. Commands with temporary files also catch SIGINT, SIGTERM and
 * SIGHUP. After cleaning up, the process raises the signal again, so that its parent sees it killed
 * by that signal.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

void signals_ignore_pipe(void);

/* Catch SIGINT, SIGTERM and SIGHUP, except those that are ignored. */
void signals_catch(void);

/* The last signal that was caught, or 0. */
int signals_caught(void);

/* Wait until fd is readable. Returns 0, or -1 if a signal was caught. A signal that arrives between
 * the check and the wait is not lost. */
int signals_wait_readable(int fd);

/* Restore the signal's default action and raise it. */
_Noreturn void signals_reraise(int number);

#endif
