/*
 * The combinations that `indexkv bench` measures: a list of values for each property of lookups. A
 * *setup* is how the store is opened, a *point* how keys are then looked up in it.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "bench/draws.h"
#include "options/options.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

enum bench_state {
    BENCH_WARM,  /* the file is in the page cache */
    BENCH_COLD,  /* its pages are dropped before each measurement */
    BENCH_DIRECT /* O_DIRECT */
};
#define BENCH_STATE_CHOICES "warm|cold|direct"

#define BENCH_LIST_MAX  24
#define BENCH_BATCH_MAX (UINT64_C(1) << 20)

/* Numbers, or indexes of choices. */
struct bench_list {
    uint64_t items[BENCH_LIST_MAX];
    size_t count;
};

struct bench_shares {
    double items[BENCH_LIST_MAX];
    size_t count;
};

struct bench_plan {
    /* Setups: */
    struct bench_list states, backends, threads, depths, memories;
    /* Points: */
    struct bench_list batches, callers, probes, distributions;
    struct bench_shares hit_ratios;

    bool states_given;
    double theta;
    uint64_t run_length;
    uint64_t seed, draws, repeat;
    double seconds; /* per point and repetition */
};

struct bench_setup {
    enum bench_state state;
    ikv_backend backend;
    uint32_t threads; /* 0: the library's default */
    uint32_t depth;
    uint64_t memory; /* ikv_open_options.index_memory */
};

struct bench_point {
    uint64_t batch; /* 1: ikv_get */
    uint32_t callers;
    ikv_probe probe;
    size_t stream; /* of draws: hit ratio * count of distributions + distribution */
    enum distribution distribution;
    double present;
};

void bench_plan_init(struct bench_plan *plan);

/* The options of a plan, besides OPTION_INDEX_MEMORY. */
enum {
    BENCH_OPTION_STATE = OPTION_OWN,
    BENCH_OPTION_COLD,
    BENCH_OPTION_DIRECT,
    BENCH_OPTION_BACKEND,
    BENCH_OPTION_THREADS,
    BENCH_OPTION_DEPTH,
    BENCH_OPTION_BATCH,
    BENCH_OPTION_CALLERS,
    BENCH_OPTION_PROBE,
    BENCH_OPTION_KEYS,
    BENCH_OPTION_HIT_RATIO,
    BENCH_OPTION_THETA,
    BENCH_OPTION_RUN_LENGTH,
    BENCH_OPTION_SEED,
    BENCH_OPTION_DRAWS,
    BENCH_OPTION_REPEAT,
    BENCH_OPTION_TIME,
    BENCH_OPTION_END
};
/* OPTIONS_CONTINUE or STATUS_USAGE. */
int bench_plan_accept(struct bench_plan *plan, const struct command_syntax *syntax, int id,
                      const char *argument);

/* Checks the number of combinations. OPTIONS_CONTINUE or STATUS_USAGE. */
int bench_plan_check(const struct bench_plan *plan, const struct command_syntax *syntax);

bool bench_list_has(const struct bench_list *list, uint64_t item);

/* A *stream* is a sequence of keys to look up: a combination of distribution and hit ratio. */
size_t bench_setup_count(const struct bench_plan *plan);
size_t bench_point_count(const struct bench_plan *plan);
size_t bench_stream_count(const struct bench_plan *plan);
void bench_setup_at(const struct bench_plan *plan, size_t number, struct bench_setup *ret_setup);
void bench_point_at(const struct bench_plan *plan, size_t number, struct bench_point *ret_point);
struct draws_options bench_stream_at(const struct bench_plan *plan, size_t number);

const char *bench_state_name(enum bench_state state);
const char *bench_backend_name(ikv_backend backend);
const char *bench_probe_name(ikv_probe probe);
const char *bench_distribution_name(enum distribution distribution);

#endif
