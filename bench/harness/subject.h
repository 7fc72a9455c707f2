/*
 * A subject is measured in steps. A step is a batch of lookups, or a round of plain reads. The
 * subject itself measures the time of a step, without preparing keys and checking answers.
 *
 * A subject is registered alone, or with another one as a pair. The steps of a pair alternate, and
 * the ratio of the two is reported. That ratio is reliable even on a machine or device whose speed
 * changes from minute to minute.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "disk/process_io.h"
#include "harness/clock.h"
#include "harness/harness.h"

#include <stddef.h>
#include <stdint.h>

/* The work done by a step. */
struct step {
    uint64_t items; /* keys, or reads if there are no keys */
    uint64_t reads;
    uint64_t bytes;  /* read from the file */
    uint64_t calls;  /* system calls for the reads; 0: not counted */
    uint64_t mapped; /* index pages and records that were accessed through a mapping */
    struct stopwatch spent;
};

/* Where the bytes must come from. The kernel's counters prove it; the label has the result. */
enum subject_source {
    SOURCE_ANY,
    SOURCE_DEVICE,    /* cold: all bytes read came from the device */
    SOURCE_PAGE_CACHE /* warm: (nearly) none did */
};

/* Sets the label: whether the `bytes` read since `since` came from the source, and how they were
 * read. */
void subject_label(struct bench_state *state, enum subject_source source,
                   const struct process_io *since, uint64_t bytes, const char *how);

struct subject;

struct subject_kind {
    /* BENCH_*. Called once. */
    int (*open)(struct subject *subject, struct bench_error *error);
    /* BENCH_OK, with *ret_step (zeroed by the caller) set; or BENCH_FAILED. Called on the thread
     * that called `open`. */
    int (*step)(struct subject *subject, struct step *ret_step, struct bench_error *error);
    /* Adds counters for the steps since the last call, and resets them; `state` NULL: only resets.
     * May be NULL. */
    void (*report)(struct subject *subject, struct bench_state *state);
    /* How it reads, in a few words; returns `text`. */
    const char *(*describe)(const struct subject *subject, char *text, size_t size);
    /* Frees the subject, whether or not `open` was called or succeeded. */
    void (*close)(struct subject *subject);
};

/* The first member of every subject. */
struct subject {
    const struct subject_kind *kind;
    enum subject_source source;
};

/* `args` (NULL: none) end with one without a name, unless there are BENCH_ARGS_MAX. The subjects
 * are closed at the end of the program. A pair reports time and counters of the first subject;
 * `ratio` is its reads per second divided by the other's, `cpu_ratio` the same for reads per second
 * of processor time; `items_ratio` its items per second divided by the other's, `item_cpu_ratio`
 * its processor time per item divided by the other's. */
void subject_register(const char *name, const struct bench_arg *args, struct subject *subject);
void subject_register_pair(const char *name, const struct bench_arg *args, struct subject *subject,
                           struct subject *other);

/* Zeroed memory for a subject. Exits the program when out of memory. */
void *subject_new(size_t size, const struct subject_kind *kind, enum subject_source source);

#endif
