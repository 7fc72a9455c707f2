/* The exit statuses of the command, and which of them a library code means. */
#ifndef EXIT_STATUS_H
#define EXIT_STATUS_H

enum exit_status {
    STATUS_DONE = 0,
    STATUS_MISSING = 1,   /* a key was not in the store */
    STATUS_USAGE = 2,     /* wrong options, a bad input line, a duplicate key */
    STATUS_NOT_STORE = 3, /* not a store, incomplete, of another version or key type */
    STATUS_CORRUPT = 4,
    STATUS_IO = 5, /* a file could not be read or written, out of memory */

    /* Never an exit status: the process ends as killed by the signal it caught. */
    STATUS_INTERRUPTED = 1000
};

/* The exit status for what a library function returned. */
int exit_status_of(int code);

/* Of two outcomes of one job the one to report: the higher says more. */
int exit_status_worse(int a, int b);

#endif
