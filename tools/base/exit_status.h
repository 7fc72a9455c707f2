/* Exit statuses of the command, and the mapping from library codes to them. */
#ifndef EXIT_STATUS_H
#define EXIT_STATUS_H

enum exit_status {
    STATUS_DONE = 0,
    STATUS_MISSING = 1,   /* a key was not in the store */
    STATUS_USAGE = 2,     /* invalid options, an invalid input line, a duplicate key */
    STATUS_NOT_STORE = 3, /* not a store, incomplete, or of another version or key type */
    STATUS_CORRUPT = 4,
    STATUS_IO = 5, /* I/O error or out of memory */

    /* Not an exit status: main raises the caught signal again to end the process. */
    STATUS_INTERRUPTED = 1000
};

/* The exit status for a library return code. */
int exit_status_of(int code);

/* The more severe of two statuses, which is the higher one. */
int exit_status_worse(int a, int b);

#endif
