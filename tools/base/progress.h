/*
 * Progress of a long job on standard error. On a terminal, one line that is updated about five
 * times a second and erased at the end. Otherwise, only with --progress always, one line per second
 * and one at the end of each phase.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

enum progress_mode { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

/* Seconds spent on each of these so far. Shown as shares. */
struct progress_waits {
    double reading; /* of input */
    double disk, lookups;
    double processor; /* the calling thread's own work */
    double output;
};

struct progress_point {
    const char *phase; /* static storage */
    uint64_t count;    /* shown, with its rate */
    const char *unit;
    uint64_t done, total;        /* for the percentage; total 0: unknown */
    struct progress_waits waits; /* all 0: unknown */
    /* The job is done by the calling thread: the time since the start of the phase that is neither
     * in `waits` nor processor time is time for the disk. */
    bool one_thread;
};

struct progress {
    bool enabled, terminal;
    double next;                         /* time of the next update */
    double phase_start, phase_processor; /* time, and processor time of the calling thread */
    struct progress_point last;
    bool last_shown;
    int columns; /* width of the line currently on the terminal */
};

/* `output_terminal`: standard output is a terminal as well. AUTO then shows no progress, which
 * would mix with the output. */
void progress_start(struct progress *progress, enum progress_mode mode, bool quiet,
                    bool output_terminal);
void progress_update(struct progress *progress, const struct progress_point *point);

void progress_finish(struct progress *progress);

/* A progress callback for the library; `user` is a struct progress. Cancels the call after a caught
 * signal. */
int progress_from_library(void *user, const ikv_progress *point);

#endif
