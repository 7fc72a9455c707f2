/*
 * Progress of a long job on standard error: on a terminal one line that is rewritten about five
 * times a second and disappears at the end, elsewhere (only if asked for) a line every second and
 * one at the end of each phase.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

enum progress_mode { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

struct progress_point {
    const char *phase; /* static storage */
    uint64_t count;    /* what the rate is of */
    const char *unit;
    uint64_t done, total; /* what the share is of; total 0: not known */
};

struct progress {
    bool enabled, terminal;
    double next; /* when the next line may be written */
    double phase_start;
    struct progress_point last;
    bool last_shown;
    int columns; /* of the line that stands on the terminal */
};

/* `output_terminal`: standard output is a terminal too, where AUTO keeps out of its way. */
void progress_start(struct progress *progress, enum progress_mode mode, bool quiet,
                    bool output_terminal);
void progress_update(struct progress *progress, const struct progress_point *point);

void progress_finish(struct progress *progress);

/* For the library's calls: user is a struct progress. Cancels after a caught signal. */
int progress_from_library(void *user, const ikv_progress *point);

#endif
