/*
 * Signals. SIGPIPE is ignored, so that writing to a closed pipe fails with EPIPE and temporary
 * files can be removed; a command that leaves something to clean up also catches SIGINT, SIGTERM
 * and SIGHUP. Either way the process ends as if killed by the signal.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

void signals_ignore_pipe(void);

/* From now on SIGINT, SIGTERM and SIGHUP, where not ignored, are only noted. */
void signals_catch(void);

/* The signal that was noted, 0: none. */
int signals_caught(void);

/* Wait until something can be read from fd. 0: it can; -1: a caught signal came first. No signal
 * slips through between looking and sleeping. */
int signals_wait_readable(int fd);

/* End the process as killed by the signal. */
_Noreturn void signals_reraise(int number);

#endif
