#include "harness/subject.h"
#include "disk/process_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* One subject, or a pair. */
struct measurement {
    struct subject *subject;
    struct subject *other; /* NULL: none */
};

void *subject_new(size_t size, const struct subject_kind *kind, enum subject_source source)
{
    struct subject *subject = bench_alloc(size);

    *subject = (struct subject){.kind = kind, .source = source};
    return subject;
}

/* ---------------------------------------------------------------- cold and warm */

/* A warm run may read this share from the device: the file system occasionally reads metadata, for
 * instance to update access times. */
#define WARM_SHARE_MAX 0.01

/* Whether the bytes came from the required source. */
static const char *prove_source(enum subject_source source, const struct process_io *since,
                                uint64_t bytes)
{
    if (source == SOURCE_ANY)
        return "";
    if (!since->known)
        return "not proved: cannot read /proc/self/io; ";
    if (source == SOURCE_DEVICE)
        return since->read_bytes >= bytes ? "cold, proved; " : "NOT COLD; ";
    return (double)since->read_bytes <= WARM_SHARE_MAX * (double)bytes ? "warm, proved; "
                                                                       : "NOT WARM; ";
}

void subject_label(struct bench_state *state, enum subject_source source,
                   const struct process_io *since, uint64_t bytes, const char *how)
{
    char label[256 + 64];

    (void)snprintf(label, sizeof label, "%s%s", prove_source(source, since, bytes), how);
    bench_label(state, label);
    if (since->known && bytes > 0)
        bench_counter(state, "device_share", (double)since->read_bytes / (double)bytes,
                      BENCH_VALUE);
}

/* ---------------------------------------------------------------- running */

static void add_step(struct step *total, const struct step *one)
{
    total->items += one->items;
    total->reads += one->reads;
    total->bytes += one->bytes;
    total->calls += one->calls;
    total->spent.wall += one->spent.wall;
    total->spent.cpu += one->spent.cpu;
}

static int make_step(struct subject *subject, struct step *total, struct step *ret_one,
                     struct bench_error *error)
{
    *ret_one = (struct step){0};
    const int code = subject->kind->step(subject, ret_one, error);
    if (code == BENCH_OK)
        add_step(total, ret_one);
    return code;
}

/* A step of each subject; the caller alternates the order. */
static int step_both(const struct measurement *pair, bool other_first, struct step totals[2],
                     double *ret_seconds, struct bench_error *error)
{
    struct step one;
    int code = BENCH_OK;

    if (pair->other && other_first)
        code = make_step(pair->other, &totals[1], &one, error);
    if (code == BENCH_OK) {
        code = make_step(pair->subject, &totals[0], &one, error);
        *ret_seconds = one.spent.wall;
    }
    if (code == BENCH_OK && pair->other && !other_first)
        code = make_step(pair->other, &totals[1], &one, error);
    return code;
}

static double quotient(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double rate(const struct step *total)
{
    return quotient((double)total->reads, total->spent.wall);
}

static double item_rate(const struct step *total)
{
    return quotient((double)total->items, total->spent.wall);
}

/* Ratios above 1 mean that the subject is better than the other one. */
static void report_ratios(struct bench_state *state, const struct step *mine,
                          const struct step *other)
{
    bench_counter(state, "other_reads_per_second", rate(other), BENCH_VALUE);
    bench_counter(state, "other_reads_per_item",
                  quotient((double)other->reads, (double)other->items), BENCH_VALUE);
    bench_counter(state, "ratio", quotient(rate(mine), rate(other)), BENCH_VALUE);
    bench_counter(state, "items_ratio", quotient(item_rate(mine), item_rate(other)), BENCH_VALUE);
    bench_counter(state, "item_cpu_ratio",
                  quotient(quotient(mine->spent.cpu, (double)mine->items),
                           quotient(other->spent.cpu, (double)other->items)),
                  BENCH_VALUE);
    bench_counter(state, "cpu_ratio",
                  quotient(quotient((double)mine->reads, mine->spent.cpu),
                           quotient((double)other->reads, other->spent.cpu)),
                  BENCH_VALUE);
}

/* Page faults of the process. Minor faults map pages of the page cache, major ones read from the
 * device. */
static void report_faults(struct bench_state *state, const struct rusage *before)
{
    struct rusage now;

    if (getrusage(RUSAGE_SELF, &now) != 0)
        return;
    bench_counter(state, "minor_faults_per_item", (double)(now.ru_minflt - before->ru_minflt),
                  BENCH_PER_ITEM);
    bench_counter(state, "major_faults_per_item", (double)(now.ru_majflt - before->ru_majflt),
                  BENCH_PER_ITEM);
}

static void report(struct bench_state *state, const struct measurement *pair,
                   const struct step totals[2], const struct process_io *since)
{
    const struct step *mine = &totals[0];
    char how[256];

    bench_items(state, mine->items);
    if (mine->reads > 0) {
        bench_counter(state, "reads_per_second", rate(mine), BENCH_VALUE);
        bench_counter(state, "reads_per_item", (double)mine->reads, BENCH_PER_ITEM);
    }
    bench_counter(state, "cpu_ns_per_item", mine->spent.cpu * 1e9, BENCH_PER_ITEM);
    if (mine->calls > 0) {
        bench_counter(state, "calls_per_item", (double)mine->calls, BENCH_PER_ITEM);
        bench_counter(state, "reads_per_call", quotient((double)mine->reads, (double)mine->calls),
                      BENCH_VALUE);
    }
    if (pair->other) {
        report_ratios(state, mine, &totals[1]);
    } else if (since->known) {
        bench_counter(state, "syscr_per_item", (double)since->read_calls, BENCH_PER_ITEM);
    }
    if (pair->subject->kind->report)
        pair->subject->kind->report(pair->subject, state);
    subject_label(state, pair->subject->source, since, totals[0].bytes + totals[1].bytes,
                  pair->subject->kind->describe(pair->subject, how, sizeof how));
}

static void run(struct bench_state *state)
{
    const struct measurement *pair = bench_user(state);
    struct step totals[2] = {{0}};
    struct process_io start;
    struct rusage before = {0};
    struct bench_error error;
    bool other_first = false;

    if (pair->subject->kind->report)
        pair->subject->kind->report(pair->subject, NULL);
    process_io_now(&start);
    (void)getrusage(RUSAGE_SELF, &before);
    while (bench_keep_running(state)) {
        double seconds = 0;
        const int code = step_both(pair, other_first, totals, &seconds, &error);
        if (code != BENCH_OK) {
            bench_stop(state, code, &error);
            return;
        }
        bench_iteration_time(state, seconds);
        other_first = !other_first;
    }
    const struct process_io since = process_io_since(&start);
    report(state, pair, totals, &since);
    report_faults(state, &before);
}

/* ---------------------------------------------------------------- registering */

/* The first step is not measured: it creates rings and allocates buffers. */
static int open_subject(struct subject *subject, struct bench_error *error)
{
    struct step first;
    const int code = subject->kind->open(subject, error);

    return code == BENCH_OK ? subject->kind->step(subject, &first, error) : code;
}

static int set_up(void *user, struct bench_error *error)
{
    struct measurement *pair = user;
    const int code = open_subject(pair->subject, error);

    return code == BENCH_OK && pair->other ? open_subject(pair->other, error) : code;
}

static void tear_down(void *user)
{
    struct measurement *pair = user;

    pair->subject->kind->close(pair->subject);
    if (pair->other)
        pair->other->kind->close(pair->other);
    free(pair);
}

void subject_register_pair(const char *name, const struct bench_arg *args, struct subject *subject,
                           struct subject *other)
{
    struct measurement *pair = bench_alloc(sizeof *pair);
    struct bench bench = {.name = name,
                          .run = run,
                          .set_up = set_up,
                          .tear_down = tear_down,
                          .user = pair,
                          .flags = BENCH_MANUAL_TIME};

    *pair = (struct measurement){subject, other};
    for (int i = 0; args && i < BENCH_ARGS_MAX && args[i].name; i++)
        bench.args[i] = args[i];
    bench_register(&bench);
}

void subject_register(const char *name, const struct bench_arg *args, struct subject *subject)
{
    subject_register_pair(name, args, subject, NULL);
}
