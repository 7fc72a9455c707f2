/*
 * A C interface to google-benchmark. harness.cc is the only C++ file.
 *
 *   bench_init       removes google-benchmark's options (--benchmark_*) from argv
 *   bench_context    adds a line to the head of the report
 *   bench_register   registers a benchmark, without running or setting it up
 *   bench_run        runs the selected benchmarks
 *
 * A benchmark is a function with a loop:
 *
 *   static void run(struct bench_state *state)
 *   {
 *       ... preparation, not measured ...
 *       while (bench_keep_running(state))
 *           ... one iteration ...
 *       bench_items(state, ...);
 *   }
 *
 * google-benchmark decides on the number of iterations. It calls the function several times to find
 * that number, then once per repetition. Expensive preparation belongs in set_up, which is called
 * once. An iteration should take at least 100 ns, since bench_keep_running takes about 3 ns.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_error {
    char text[512];
};

/* Results of functions that take a bench_error. Only BENCH_FAILED makes the program fail. */
enum {
    BENCH_OK = 0,
    BENCH_FAILED = -1, /* a wrong answer, an error */
    BENCH_SKIPPED = -2 /* a requirement is not available: io_uring, O_DIRECT, ... */
};

/* Sets the text and returns `code`. */
int bench_error_set(struct bench_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Zeroed memory; release it with free(). Exits the program when out of memory. */
void *bench_alloc(size_t size);

/* ---------------------------------------------------------------- a benchmark */

struct bench_state;

struct bench_arg {
    const char *name;
    int64_t value;
};
#define BENCH_ARGS_MAX 4

enum {
    /* The benchmark reports the time of each iteration with bench_iteration_time. Otherwise the
     * harness measures it, without the time between bench_pause and bench_resume. */
    BENCH_MANUAL_TIME = 1
};

struct bench {
    const char *name; /* parts separated by '/'; copied */
    struct bench_arg
        args[BENCH_ARGS_MAX]; /* part of the name; the first without a name ends them */
    void (*run)(struct bench_state *state);
    /* set_up is called once, before the first run. tear_down is called at the end of the program,
     * even if set_up failed or was not called. Both may be NULL. */
    int (*set_up)(void *user, struct bench_error *error);
    void (*tear_down)(void *user);
    void *user;          /* passed to set_up and tear_down; see bench_user */
    unsigned threads;    /* call `run` concurrently; 0: 1 */
    uint64_t iterations; /* 0: chosen by google-benchmark */
    unsigned flags;      /* BENCH_* */
};

void bench_register(const struct bench *bench);

/* ---------------------------------------------------------------- inside of run */

/* True once per iteration. With several threads, the first and the last call are barriers: after
 * the loop, a thread may read what the others wrote in it. */
bool bench_keep_running(struct bench_state *state);

void *bench_user(const struct bench_state *state);
int64_t bench_range(const struct bench_state *state, unsigned i);
unsigned bench_thread(const struct bench_state *state); /* 0 .. threads - 1 */
unsigned bench_threads(const struct bench_state *state);

/* These take about a microsecond each. */
void bench_pause(struct bench_state *state);
void bench_resume(struct bench_state *state);
/* With BENCH_MANUAL_TIME: must be called once per iteration. */
void bench_iteration_time(struct bench_state *state, double seconds);

/* Totals over all iterations; reported as rates. */
void bench_items(struct bench_state *state, uint64_t items);
void bench_bytes(struct bench_state *state, uint64_t bytes);

enum bench_counter_kind {
    BENCH_VALUE,        /* reported unchanged */
    BENCH_RATE,         /* per second */
    BENCH_PER_ITEM,     /* per item; bench_items must be called before */
    BENCH_PER_ITERATION /* per iteration */
};
/* Adds a counter to the report. The values of several threads are added up. */
void bench_counter(struct bench_state *state, const char *name, double value,
                   enum bench_counter_kind kind);

/* A text next to the result. */
void bench_label(struct bench_state *state, const char *text);

/* Ends the benchmark with BENCH_FAILED or BENCH_SKIPPED; `run` must then return. */
void bench_stop(struct bench_state *state, int code, const struct bench_error *error);

/* ---------------------------------------------------------------- the program */

/* Removes google-benchmark's options from argv. --help calls `help` and exits. */
void bench_init(int *argc, char **argv, void (*help)(void));
/* Prints google-benchmark's options. */
void bench_help(void);

void bench_context(const char *name, const char *value);

/* Numbers of benchmarks. */
struct bench_summary {
    unsigned run; /* including those that failed or were skipped */
    unsigned failed;
    unsigned skipped;
};

/* Also calls tear_down of all benchmarks. */
void bench_run(struct bench_summary *ret_summary);

#ifdef __cplusplus
}
#endif
#endif
