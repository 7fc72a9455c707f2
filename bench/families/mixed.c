/*
 * Mixed: half of the file is in memory. Batches of the same keys alternate between three copies of
 * the store: one is resident; half of the second is dropped before each batch; all of the third is
 * dropped. A perfect split would read resident pages at the speed of the first copy, and the others
 * at that of the third:
 *
 *   perfect time = resident share * resident time + (1 - resident share) * cold time
 *   efficiency = perfect time / time with half resident
 */
#include "families/evictable.h"
#include "families/families.h"

#include <stdio.h>
#include <stdlib.h>

#define WARM_UP_ROUNDS 40 /* until the library's residency hints have settled */

enum { RESIDENT, HALF, COLD, CASES };

struct mixed {
    struct evictable cases[CASES];
};

/* Totals of a run. A round is a batch in each copy. */
struct totals {
    struct step steps[CASES];
    double share; /* resident share of the second copy, sum over the rounds */
    struct faults faults;
    uint64_t rounds;
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
        return bench_error_set(error, BENCH_SKIPPED, "cannot drop pages: %.2f, %.2f still resident",
                               *ret_share, cold);
    return BENCH_OK;
}

static int make_round(struct mixed *mixed, struct totals *totals, struct bench_error *error)
{
    double share = 0;
    int code = drop(mixed, &share, error);

    for (int i = 0; i < CASES && code == BENCH_OK; i++)
        code = evictable_step(&mixed->cases[i], &totals->steps[i],
                              i == HALF ? &totals->faults : NULL, error);
    totals->share += share;
    totals->rounds++;
    return code;
}

static int mixed_open(void *user, struct bench_error *error)
{
    struct mixed *mixed = user;
    int code = BENCH_OK;

    for (int i = 0; i < CASES && code == BENCH_OK; i++)
        code = evictable_open(&mixed->cases[i], error);
    for (int i = 0; i < WARM_UP_ROUNDS && code == BENCH_OK; i++) {
        struct totals totals = {0};
        code = make_round(mixed, &totals, error);
    }
    return code;
}

static void mixed_close(void *user)
{
    struct mixed *mixed = user;

    for (int i = 0; i < CASES; i++)
        evictable_close(&mixed->cases[i]);
    free(mixed);
}

static double seconds_per_batch(const struct totals *totals, int which)
{
    return totals->steps[which].spent.wall / (double)totals->rounds;
}

static void report(struct bench_state *state, const struct mixed *mixed,
                   const struct totals *totals)
{
    static const char *const names[CASES] = {"resident_items_per_second", "half_items_per_second",
                                             "cold_items_per_second"};
    const struct subject *half = mixed->cases[HALF].batches;
    const double rounds = (double)totals->rounds;
    const double share = totals->share / rounds;
    const double perfect =
        share * seconds_per_batch(totals, RESIDENT) + (1 - share) * seconds_per_batch(totals, COLD);
    char how[256];
    char label[sizeof how + 64];

    bench_items(state, totals->steps[HALF].items);
    for (int i = 0; i < CASES; i++)
        bench_counter(state, names[i], EVICTABLE_BATCH / seconds_per_batch(totals, i), BENCH_VALUE);
    bench_counter(state, "share_resident", share, BENCH_VALUE);
    bench_counter(state, "efficiency", perfect / seconds_per_batch(totals, HALF), BENCH_VALUE);
    bench_counter(state, "caller_faults_per_batch", (double)totals->faults.caller / rounds,
                  BENCH_VALUE);
    bench_counter(state, "faults_per_batch", (double)totals->faults.all / rounds, BENCH_VALUE);
    bench_counter(state, "cpu_ns_per_item", totals->steps[HALF].spent.cpu * 1e9, BENCH_PER_ITEM);
    (void)snprintf(label, sizeof label, "%.0f %% resident, proved; %s", 100 * share,
                   half->kind->describe(half, how, sizeof how));
    bench_label(state, label);
}

static void run(struct bench_state *state)
{
    struct mixed *mixed = bench_user(state);
    struct totals totals = {.rounds = 0};
    struct bench_error error;

    while (bench_keep_running(state)) {
        const double before = totals.steps[HALF].spent.wall;
        const int code = make_round(mixed, &totals, &error);
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
    struct key_pool *pool = key_pool_new(&data, KEYS_UNIFORM, EVICTABLE_BATCH);
    struct mixed *mixed = bench_alloc(sizeof *mixed);

    for (uint32_t i = 0; i < CASES; i++)
        evictable_init(&mixed->cases[i], &data, i, backend, pool);
    bench_register(&(struct bench){.name = name,
                                   .args = {{"batch", EVICTABLE_BATCH}},
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
