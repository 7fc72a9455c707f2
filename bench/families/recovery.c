/*
 * Recovery: all is in memory, and then, in the middle of a run, nothing is; then all is again. How
 * long until batches are as fast as they can be?
 *
 *   before          batches a second, resident
 *   dropped_NN      the NN-th batch after the page cache was dropped, over what comes to be: the
 *                   mean of the batches from SETTLED on
 *   warmed_NN       the NN-th batch after the file was read by somebody else, over `before`
 *
 *   warmed_mapped_NN   what of it was served through the mapping: 1 when belief is back, though
 * page tables may still have to be filled
 *
 * Medians of the episodes of a run.
 */
#include "families/dropping.h"
#include "families/families.h"

#include <stdio.h>
#include <stdlib.h>

#define EPISODES 3
#define BATCHES  24 /* that are followed */
#define SETTLED  12
#define COPY     2 /* that of mixed's cold case */

struct recovery {
    struct dropping dropping;
};

struct episode {
    double before;           /* seconds a batch */
    double dropped[BATCHES]; /* seconds of each batch */
    double warmed[BATCHES];
    double mapped[BATCHES];       /* share of each batch after it is warm again */
    struct faults dropped_faults; /* from the third batch on */
};

/* A lookup needs a page of the index and a record. */
#define NEEDED (2.0 * DROPPING_BATCH)

static int one_batch(struct recovery *recovery, double *ret_seconds, double *ret_mapped,
                     struct faults *faults, struct bench_error *error)
{
    struct step step = {0};
    const int code = dropping_step(&recovery->dropping, &step, faults, error);

    *ret_seconds = step.spent.wall;
    *ret_mapped = (double)step.mapped / NEEDED;
    return code;
}

static int follow(struct recovery *recovery, double seconds[BATCHES], double mapped[BATCHES],
                  struct faults *faults, struct bench_error *error)
{
    int code = BENCH_OK;

    for (int i = 0; i < BATCHES && code == BENCH_OK; i++)
        code = one_batch(recovery, &seconds[i], &mapped[i], i < 2 ? NULL : faults, error);
    return code;
}

/* Of batches from one on. */
static double mean_from(const double seconds[BATCHES], int first)
{
    double sum = 0;

    for (int i = first; i < BATCHES; i++)
        sum += seconds[i];
    return sum / (BATCHES - first);
}

/* Ends as it begins: resident. */
static int run_episode(struct recovery *recovery, struct episode *episode,
                       struct bench_error *error)
{
    double before[BATCHES] = {0};
    struct faults ignored = {0};

    /* What the library believes of the pages is as good as it can be again. */
    int code = recovery->dropping.peer->kind->warm(recovery->dropping.peer, error);
    if (code == BENCH_OK)
        code = follow(recovery, before, episode->mapped, &ignored, error);
    if (code == BENCH_OK)
        code = residency_drop(&recovery->dropping.residency, 1, error);
    const double share = residency_share(&recovery->dropping.residency);
    if (code == BENCH_OK && (share < 0 || share > 0.05))
        code = bench_error_set(error, BENCH_SKIPPED, "pages can't be dropped here");
    if (code == BENCH_OK)
        code = follow(recovery, episode->dropped, episode->mapped, &episode->dropped_faults, error);
    if (code == BENCH_OK)
        code = dataset_warm(recovery->dropping.path, error);
    if (code == BENCH_OK)
        code = follow(recovery, episode->warmed, episode->mapped, &ignored, error);
    episode->before = mean_from(before, SETTLED);
    return code;
}

/* ---------------------------------------------------------------- reporting */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double values[EPISODES])
{
    qsort(values, EPISODES, sizeof *values, compare);
    return values[EPISODES / 2];
}

static void report_batch(struct bench_state *state, const struct episode episodes[EPISODES],
                         int batch)
{
    double dropped[EPISODES];
    double warmed[EPISODES];
    double mapped[EPISODES];
    char name[32];

    for (int i = 0; i < EPISODES; i++) {
        dropped[i] = mean_from(episodes[i].dropped, SETTLED) / episodes[i].dropped[batch];
        warmed[i] = episodes[i].before / episodes[i].warmed[batch];
        mapped[i] = episodes[i].mapped[batch];
    }
    (void)snprintf(name, sizeof name, "dropped_%02d", batch + 1);
    bench_counter(state, name, median(dropped), BENCH_VALUE);
    (void)snprintf(name, sizeof name, "warmed_%02d", batch + 1);
    bench_counter(state, name, median(warmed), BENCH_VALUE);
    (void)snprintf(name, sizeof name, "warmed_mapped_%02d", batch + 1);
    bench_counter(state, name, median(mapped), BENCH_VALUE);
}

static void report(struct bench_state *state, const struct recovery *recovery,
                   const struct episode episodes[EPISODES])
{
    static const int batches[] = {0, 1, 2, 3, 7, 15, 23};
    const struct subject *subject = recovery->dropping.batches;
    double before[EPISODES];
    double cold[EPISODES];
    double faults = 0;
    char label[256];

    for (int i = 0; i < EPISODES; i++) {
        before[i] = DROPPING_BATCH / episodes[i].before;
        cold[i] = DROPPING_BATCH / mean_from(episodes[i].dropped, SETTLED);
        faults += (double)episodes[i].dropped_faults.caller;
    }
    bench_counter(state, "resident_items_per_second", median(before), BENCH_VALUE);
    bench_counter(state, "cold_items_per_second", median(cold), BENCH_VALUE);
    bench_counter(state, "caller_faults_a_batch", faults / EPISODES / (BATCHES - 2), BENCH_VALUE);
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        report_batch(state, episodes, batches[i]);
    bench_label(state, subject->kind->describe(subject, label, sizeof label));
}

/* ---------------------------------------------------------------- running */

static void run(struct bench_state *state)
{
    struct recovery *recovery = bench_user(state);
    struct episode episodes[EPISODES] = {{0}};
    struct bench_error error;
    int next = 0;

    while (bench_keep_running(state)) {
        const int code = run_episode(recovery, &episodes[next++], &error);
        if (code != BENCH_OK) {
            bench_stop(state, code, &error);
            return;
        }
    }
    bench_items(state, (uint64_t)EPISODES * 3 * BATCHES * DROPPING_BATCH);
    report(state, recovery, episodes);
}

static int recovery_open(void *user, struct bench_error *error)
{
    return dropping_open(&((struct recovery *)user)->dropping, error);
}

static void recovery_close(void *user)
{
    dropping_close(&((struct recovery *)user)->dropping);
    free(user);
}

static void register_backend(const struct options *options, const char *name, ikv_backend backend)
{
    const struct dataset data = {
        .directory = options->data, .pairs = options->pairs, .value_size = MAIN_VALUE_SIZE};
    struct key_pool *pool = key_pool_new(&data, KEYS_UNIFORM, DROPPING_BATCH);
    struct recovery *recovery = bench_new(sizeof *recovery);

    dropping_choose(&recovery->dropping, &data, COPY, backend, pool);
    bench_register(&(struct bench){.name = name,
                                   .args = {{"batch", DROPPING_BATCH}},
                                   .run = run,
                                   .set_up = recovery_open,
                                   .tear_down = recovery_close,
                                   .user = recovery,
                                   .iterations = EPISODES});
}

void recovery_register(const struct options *options)
{
    register_backend(options, "recovery/indexkv", IKV_BACKEND_AUTO);
    register_backend(options, "recovery/uring", IKV_BACKEND_URING);
}
