/*
 * Subjects: what is measured, a step at a time. A step is a batch of lookups, or a round of plain
 * reads; the subject times it itself, so that preparing keys and checking answers does not count.
 *
 * A subject is registered by itself, or with another one as a pair: then their steps take turns,
 * within milliseconds, and what is reported is the ratio. On a machine or a device whose speed
 * changes from minute to minute that ratio is what can be trusted.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "disk/process_io.h"
#include "harness/clock.h"
#include "harness/harness.h"

#include <stddef.h>
#include <stdint.h>

/* What a step did. */
struct step {
    uint64_t items; /* keys, or reads if there are no keys */
    uint64_t reads;
    uint64_t bytes;  /* of the file, that had to be read for it */
    uint64_t calls;  /* of the system, for these reads; 0: not counted */
    uint64_t mapped; /* of index pages and records that were needed, those seen through a mapping */
    struct stopwatch spent;
};

/* Where the bytes come from is proved by what the kernel counted; a label says how it came out. */
enum subject_source {
    SOURCE_ANY,
    SOURCE_DEVICE,    /* cold: at least as many bytes came from the device as the steps read */
    SOURCE_PAGE_CACHE /* warm: next to none did */
};

/* Sets the label: whether `bytes` that were read came from where they should, and how they were
 * read. */
void subject_label(struct bench_state *state, enum subject_source source,
                   const struct process_io *since, uint64_t bytes, const char *how);

struct subject;

struct subject_kind {
    /* BENCH_*. Called once. */
    int (*open)(struct subject *subject, struct bench_error *error);
    /* BENCH_OK with *ret_step, which was zero, set; or BENCH_FAILED. All steps are made on the
     * thread that opened.
     */
    int (*step)(struct subject *subject, struct step *ret_step, struct bench_error *error);
    /* Add counters of its own on the steps since it was last called; `state` NULL: only begin anew.
     * May be NULL. */
    void (*report)(struct subject *subject, struct bench_state *state);
    /* How it reads, in a few words; returns `text`. */
    const char *(*describe)(const struct subject *subject, char *text, size_t size);
    /* Opened, half opened or not opened. Frees the subject itself. */
    void (*close)(struct subject *subject);
};

/* The first member of every subject. */
struct subject {
    const struct subject_kind *kind;
    enum subject_source source;
};

/* `args` (NULL: none) end with one without a name, or are BENCH_ARGS_MAX. The subjects are closed
 * at the end of the program. A pair reports the time and the counters of the first one; `ratio` is
 * how many times as many reads a second that one makes, `cpu_ratio` how many times as many in a
 * second of processor time. */
void subject_register(const char *name, const struct bench_arg *args, struct subject *subject);
void subject_register_pair(const char *name, const struct bench_arg *args, struct subject *subject,
                           struct subject *other);

/* Zeroed memory for a subject. Ends the program if there is none. */
void *subject_new(size_t size, const struct subject_kind *kind, enum subject_source source);

#endif
