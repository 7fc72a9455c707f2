/*
 * The harness: google-benchmark behind a C interface. harness.cc is the only C++ there is.
 *
 *   bench_init       takes google-benchmark's own options (--benchmark_*) out of argv
 *   bench_context    a line for the head of the report
 *   bench_register   any number of benchmarks; nothing is run or set up yet
 *   bench_run        runs those that were asked for
 *
 * A benchmark is a function with a loop in it:
 *
 *   static void run(struct bench_state *state)
 *   {
 *       ... preparations, not measured ...
 *       while (bench_keep_running(state))
 *           ... one iteration ...
 *       bench_items(state, ...);
 *   }
 *
 * How often the loop goes round is google-benchmark's affair: the function is called several times,
 * first to find that out, then once for every repetition. What is expensive and can stay belongs
 * into set_up, which is called once. One iteration should take 100 ns at least: asking whether to
 * keep running takes about 3.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why something could not be done. */
struct bench_error {
    char text[512];
};

/* What functions return that take a bench_error. Only BENCH_FAILED makes the program fail. */
enum {
    BENCH_OK = 0,
    BENCH_FAILED = -1, /* a wrong answer, an error */
    BENCH_SKIPPED = -2 /* what it needs is not there: no io_uring, no O_DIRECT, ... */
};

/* Sets the text and returns `code`. */
int bench_error_set(struct bench_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Zeroed memory, for free(). Ends the program if there is none. */
void *bench_new(size_t size);

/* ---------------------------------------------------------------- a benchmark */

struct bench_state;

struct bench_arg {
    const char *name;
    int64_t value;
};
#define BENCH_ARGS_MAX 4

enum {
    /* The benchmark says how long each iteration took: bench_iteration_time. Otherwise the harness
     * measures, and what lies between bench_pause and bench_resume does not count. */
    BENCH_MANUAL_TIME = 1
};

struct bench {
    const char *name; /* parts with '/' between them; copied */
    struct bench_arg
        args[BENCH_ARGS_MAX]; /* part of the name; the first without a name ends them */
    void (*run)(struct bench_state *state);
    /* Called once: before the first run; and at the end of the program, whether set_up was called,
     * and succeeded, or not. May be NULL. */
    int (*set_up)(void *user, struct bench_error *error);
    void (*tear_down)(void *user);
    void *user;          /* for all three */
    unsigned threads;    /* that call `run`, all at the same time; 0: 1 */
    uint64_t iterations; /* 0: as many as the time allows */
    unsigned flags;      /* BENCH_* */
};

void bench_register(const struct bench *bench);

/* ---------------------------------------------------------------- inside of run */

/* True as often as the loop is to go round. With several threads the first call returns to all of
 * them at the same time, and so does the last: after the loop, what the others wrote in it may be
 * read. */
bool bench_keep_running(struct bench_state *state);

void *bench_user(const struct bench_state *state);
int64_t bench_range(const struct bench_state *state, unsigned i);
unsigned bench_thread(const struct bench_state *state); /* 0 .. threads - 1 */
unsigned bench_threads(const struct bench_state *state);

/* Each takes about a microsecond. */
void bench_pause(struct bench_state *state);
void bench_resume(struct bench_state *state);
/* BENCH_MANUAL_TIME: once in every iteration. */
void bench_iteration_time(struct bench_state *state, double seconds);

/* What was done in all iterations together; reported as a rate. */
void bench_items(struct bench_state *state, uint64_t items);
void bench_bytes(struct bench_state *state, uint64_t bytes);

enum bench_counter_kind {
    BENCH_VALUE,        /* as it is */
    BENCH_RATE,         /* a second */
    BENCH_PER_ITEM,     /* an item of bench_items, which comes first */
    BENCH_PER_ITERATION /* an iteration */
};
/* A counter of the report. With several threads their values are added up. */
void bench_counter(struct bench_state *state, const char *name, double value,
                   enum bench_counter_kind kind);

/* A text beside the result. */
void bench_label(struct bench_state *state, const char *text);

/* End the benchmark with BENCH_FAILED or BENCH_SKIPPED; `run` returns then. */
void bench_stop(struct bench_state *state, int code, const struct bench_error *error);

/* ---------------------------------------------------------------- the program */

/* Takes out of argv what is for google-benchmark. --help calls `help` and ends the program. */
void bench_init(int *argc, char **argv, void (*help)(void));
/* Prints google-benchmark's options. */
void bench_help(void);

void bench_context(const char *name, const char *value);

/* Benchmarks. */
struct bench_summary {
    unsigned run; /* those that failed or were skipped included */
    unsigned failed;
    unsigned skipped;
};

/* Also tears everything down. */
void bench_run(struct bench_summary *ret_summary);

#ifdef __cplusplus
}
#endif
#endif
