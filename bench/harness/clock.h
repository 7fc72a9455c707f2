/* Measures wall-clock and processor time. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <time.h>

struct stopwatch {
    double wall; /* seconds */
    double cpu;  /* seconds, of all threads of the process */
};

static inline double seconds_of(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Reading the processor clock takes a system call, so it is excluded from the wall-clock time. */
static inline struct stopwatch stopwatch_start(void)
{
    struct stopwatch start;

    start.cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    start.wall = seconds_of(CLOCK_MONOTONIC);
    return start;
}

static inline struct stopwatch stopwatch_stop(const struct stopwatch *start)
{
    struct stopwatch spent;

    spent.wall = seconds_of(CLOCK_MONOTONIC) - start->wall;
    spent.cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start->cpu;
    return spent;
}

#endif
