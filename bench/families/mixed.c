/*
 * Mixed: half of the file is in memory. In turns, batches of the same keys in three copies of the
 * store: one that is resident, one half of which is dropped before each batch, one all of which is.
 * From the two pure cases comes what a perfect split would take: each page that was there costs
 * what it costs in the one, each that was not what it costs in the other.
 *
 *   perfect = share there * resident + share not there * cold
 *   of_perfect = perfect time / time of the half
 */
#include "families/dropping.h"
#include "families/families.h"

#include <stdio.h>
#include <stdlib.h>

#define WARM_UP_TURNS 40 /* until what the library believes of the pages has settled */

enum { RESIDENT, HALF, COLD, CASES };

struct mixed {
    struct dropping cases[CASES];
};

/* Of all turns of a run. */
struct totals {
    struct step steps[CASES];
    double share; /* that was there, sum over the turns */
    struct faults faults;
    uint64_t turns;
};

static int drop(struct mixed *mixed, double *ret_share, struct bench_error *error)
{
    int code = residency_drop(&mixed->cases[HALF].residency, 2, error);

    if (code == BENCH_OK)
        code = residency_drop(&mixed->cases[COLD].residency, 1, error);
    if (code != BENCH_OK)
        return code;
    *ret_share = residency_share(&mixed->cases[HALF].residency);
    const double cold = residency_share(&mixed->cases[COLD].residency);
    if (*ret_share < 0 || *ret_share > 0.55 || cold > 0.05)
        return bench_error_set(error, BENCH_SKIPPED, "pages can't be dropped here: %.2f, %.2f left",
                               *ret_share, cold);
    return BENCH_OK;
}

static int turn(struct mixed *mixed, struct totals *totals, struct bench_error *error)
{
    double share = 0;
    int code = drop(mixed, &share, error);

    for (int i = 0; i < CASES && code == BENCH_OK; i++)
        code = dropping_step(&mixed->cases[i], &totals->steps[i],
                             i == HALF ? &totals->faults : NULL, error);
    totals->share += share;
    totals->turns++;
    return code;
}

static int mixed_open(void *user, struct bench_error *error)
{
    struct mixed *mixed = user;
    int code = BENCH_OK;

    for (int i = 0; i < CASES && code == BENCH_OK; i++)
        code = dropping_open(&mixed->cases[i], error);
    for (int i = 0; i < WARM_UP_TURNS && code == BENCH_OK; i++) {
        struct totals totals = {0};
        code = turn(mixed, &totals, error);
    }
    return code;
}

static void mixed_close(void *user)
{
    struct mixed *mixed = user;

    for (int i = 0; i < CASES; i++)
        dropping_close(&mixed->cases[i]);
    free(mixed);
}

static double a_batch(const struct totals *totals, int which)
{
    return totals->steps[which].spent.wall / (double)totals->turns;
}

static void report(struct bench_state *state, const struct mixed *mixed,
                   const struct totals *totals)
{
    static const char *const names[CASES] = {"resident_items_per_second", "half_items_per_second",
                                             "cold_items_per_second"};
    const struct subject *half = mixed->cases[HALF].batches;
    const double turns = (double)totals->turns;
    const double there = totals->share / turns;
    const double perfect = there * a_batch(totals, RESIDENT) + (1 - there) * a_batch(totals, COLD);
    char how[256];
    char label[sizeof how + 64];

    bench_items(state, totals->steps[HALF].items);
    for (int i = 0; i < CASES; i++)
        bench_counter(state, names[i], DROPPING_BATCH / a_batch(totals, i), BENCH_VALUE);
    bench_counter(state, "share_there", there, BENCH_VALUE);
    bench_counter(state, "of_perfect", perfect / a_batch(totals, HALF), BENCH_VALUE);
    bench_counter(state, "caller_faults_a_batch", (double)totals->faults.caller / turns,
                  BENCH_VALUE);
    bench_counter(state, "faults_a_batch", (double)totals->faults.all / turns, BENCH_VALUE);
    bench_counter(state, "cpu_ns_per_item", totals->steps[HALF].spent.cpu * 1e9, BENCH_PER_ITEM);
    (void)snprintf(label, sizeof label, "%.0f %% resident, proved; %s", 100 * there,
                   half->kind->describe(half, how, sizeof how));
    bench_label(state, label);
}

static void run(struct bench_state *state)
{
    struct mixed *mixed = bench_user(state);
    struct totals totals = {.turns = 0};
    struct bench_error error;

    while (bench_keep_running(state)) {
        const double before = totals.steps[HALF].spent.wall;
        const int code = turn(mixed, &totals, &error);
        if (code != BENCH_OK) {
            bench_stop(state, code, &error);
            return;
        }
        bench_iteration_time(state, totals.steps[HALF].spent.wall - before);
    }
    report(state, mixed, &totals);
}

static void register_backend(const struct options *options, const char *name, ikv_backend backend)
{
    const struct dataset data = {
        .directory = options->data, .pairs = options->pairs, .value_size = MAIN_VALUE_SIZE};
    struct key_pool *pool = key_pool_new(&data, KEYS_UNIFORM, DROPPING_BATCH);
    struct mixed *mixed = bench_new(sizeof *mixed);

    for (uint32_t i = 0; i < CASES; i++)
        dropping_choose(&mixed->cases[i], &data, i, backend, pool);
    bench_register(&(struct bench){.name = name,
                                   .args = {{"batch", DROPPING_BATCH}},
                                   .run = run,
                                   .set_up = mixed_open,
                                   .tear_down = mixed_close,
                                   .user = mixed,
                                   .flags = BENCH_MANUAL_TIME});
}

void mixed_register(const struct options *options)
{
    register_backend(options, "mixed/indexkv", IKV_BACKEND_AUTO);
    register_backend(options, "mixed/uring", IKV_BACKEND_URING);
}
