/*
 * Recovery: how quickly batches adapt when the file is dropped from the page cache, and when it has
 * been read again.
 *
 *   recovery/BACKEND         all of it is dropped, and read again sequentially
 *   recovery/BACKEND/fresh   the same, of a file that was just built
 *   recovery/BACKEND/small   the file is in folios of 4 KiB, and is read again so
 *   recovery/BACKEND/half    every other piece of it is dropped
 *
 * Counters:
 *
 *   dropped_NN         speed of batch NN after the drop, relative to the mean of the batches from
 *                      SETTLED on
 *   warmed_NN          speed of batch NN after another reader has read the file, relative to the
 *                      speed before the drop
 *   warmed_mapped_NN   share of that batch that was served through the mapping; 1 means that the
 *                      residency hints are back (page tables may still be incomplete)
 *
 * All are medians over the episodes of a run.
 */
#include "data/file_state.h"
#include "families/evictable.h"
#include "families/families.h"

#include <stdio.h>
#include <stdlib.h>

#define EPISODES 3
#define BATCHES  24 /* measured after each change */
#define SETTLED  12
#define COPY     2 /* of the data set; shared with the cold case of mixed */
#define COPY_OWN 4 /* the same for files that are built again */

struct recovery {
    struct dataset data;
    enum file_state state;
    ikv_backend backend;
    struct evictable evictable;
};

struct episode {
    double before;                /* seconds per batch before the drop */
    double dropped[BATCHES];      /* seconds of each batch after the drop */
    double warmed[BATCHES];       /* seconds of each batch after the file was read again */
    double mapped[BATCHES];       /* share of these served through the mapping */
    struct faults dropped_faults; /* from the third batch after the drop on */
};

/* Each lookup accesses an index page and a record. */
#define ACCESSES (2.0 * EVICTABLE_BATCH)

static int one_batch(struct recovery *recovery, double *ret_seconds, double *ret_mapped,
                     struct faults *faults, struct bench_error *error)
{
    struct step step = {0};
    const int code = evictable_step(&recovery->evictable, &step, faults, error);

    *ret_seconds = step.spent.wall;
    *ret_mapped = (double)step.mapped / ACCESSES;
    return code;
}

static int measure_batches(struct recovery *recovery, double seconds[BATCHES],
                           double mapped[BATCHES], struct faults *faults, struct bench_error *error)
{
    int code = BENCH_OK;

    for (int i = 0; i < BATCHES && code == BENCH_OK; i++)
        code = one_batch(recovery, &seconds[i], &mapped[i], i < 2 ? NULL : faults, error);
    return code;
}

/* The mean of the batches from `first` on. */
static double mean_from(const double seconds[BATCHES], int first)
{
    double sum = 0;

    for (int i = first; i < BATCHES; i++)
        sum += seconds[i];
    return sum / (BATCHES - first);
}

static void init_evictable(struct recovery *recovery)
{
    struct key_pool *pool = key_pool_new(&recovery->data, KEYS_UNIFORM, EVICTABLE_BATCH);

    evictable_init(&recovery->evictable, &recovery->data, recovery->data.copy, recovery->backend,
                   pool);
}

/* Build the file again, and open the store. */
static int renew(struct recovery *recovery, struct bench_error *error)
{
    char path[PATH_MAX];

    evictable_close(&recovery->evictable);
    init_evictable(recovery);
    const int code = file_state_prepare(&recovery->data, recovery->state, path, sizeof path, error);
    return code == BENCH_OK ? evictable_open(&recovery->evictable, error) : code;
}

/* Dropped pages are counted as a check. */
static int drop(const struct recovery *recovery, struct bench_error *error)
{
    const struct residency *residency = &recovery->evictable.residency;
    const unsigned nth = recovery->state == FILE_HALF ? 2 : 1;
    const int code = residency_drop(residency, nth, error);
    const double share = residency_share(residency);

    if (code == BENCH_OK && (share < 0 || share > (nth == 2 ? 0.6 : 0.05)))
        return bench_error_set(error, BENCH_SKIPPED, "cannot drop pages");
    return code;
}

/* The file is resident before and after an episode. */
static int run_episode(struct recovery *recovery, struct episode *episode,
                       struct bench_error *error)
{
    double before[BATCHES] = {0};
    struct faults ignored = {0};

    int code = recovery->state == FILE_FRESH ? renew(recovery, error) : BENCH_OK;
    if (code == BENCH_OK) /* restores the library's residency hints */
        code = recovery->evictable.peer->kind->warm(recovery->evictable.peer, error);
    if (code == BENCH_OK)
        code = measure_batches(recovery, before, episode->mapped, &ignored, error);
    if (code == BENCH_OK)
        code = drop(recovery, error);
    if (code == BENCH_OK)
        code = measure_batches(recovery, episode->dropped, episode->mapped,
                               &episode->dropped_faults, error);
    if (code == BENCH_OK)
        code = file_state_restore(recovery->evictable.path, recovery->state, error);
    if (code == BENCH_OK)
        code = measure_batches(recovery, episode->warmed, episode->mapped, &ignored, error);
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
    const struct subject *subject = recovery->evictable.batches;
    double before[EPISODES];
    double cold[EPISODES];
    double faults = 0;
    char label[256];

    for (int i = 0; i < EPISODES; i++) {
        before[i] = EVICTABLE_BATCH / episodes[i].before;
        cold[i] = EVICTABLE_BATCH / mean_from(episodes[i].dropped, SETTLED);
        faults += (double)episodes[i].dropped_faults.caller;
    }
    bench_counter(state, "resident_items_per_second", median(before), BENCH_VALUE);
    bench_counter(state, "cold_items_per_second", median(cold), BENCH_VALUE);
    bench_counter(state, "caller_faults_per_batch", faults / EPISODES / (BATCHES - 2), BENCH_VALUE);
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
    bench_items(state, (uint64_t)EPISODES * 3 * BATCHES * EVICTABLE_BATCH);
    report(state, recovery, episodes);
}

static int recovery_open(void *user, struct bench_error *error)
{
    struct recovery *recovery = user;
    char path[PATH_MAX];
    int code = BENCH_OK;

    if (recovery->state == FILE_SMALL)
        code = file_state_prepare(&recovery->data, FILE_SMALL, path, sizeof path, error);
    return code == BENCH_OK ? evictable_open(&recovery->evictable, error) : code;
}

static void recovery_close(void *user)
{
    evictable_close(&((struct recovery *)user)->evictable);
    free(user);
}

static void register_recovery(const struct options *options, const char *name, ikv_backend backend,
                              enum file_state state)
{
    struct recovery *recovery = bench_alloc(sizeof *recovery);
    const bool own = state == FILE_FRESH || state == FILE_SMALL;

    recovery->data = (struct dataset){.directory = options->data,
                                      .pairs = options->pairs,
                                      .value_size = MAIN_VALUE_SIZE,
                                      .copy = own ? COPY_OWN : COPY,
                                      .keep_cached = own};
    recovery->state = state;
    recovery->backend = backend;
    init_evictable(recovery);
    bench_register(&(struct bench){.name = name,
                                   .args = {{"batch", EVICTABLE_BATCH}},
                                   .run = run,
                                   .set_up = recovery_open,
                                   .tear_down = recovery_close,
                                   .user = recovery,
                                   .iterations = EPISODES});
}

void recovery_register(const struct options *options)
{
    static const struct {
        const char *name;
        ikv_backend backend;
        enum file_state state;
    } all[] = {
        {"recovery/indexkv", IKV_BACKEND_AUTO, FILE_LARGE},
        {"recovery/indexkv/fresh", IKV_BACKEND_AUTO, FILE_FRESH},
        {"recovery/indexkv/small", IKV_BACKEND_AUTO, FILE_SMALL},
        {"recovery/indexkv/half", IKV_BACKEND_AUTO, FILE_HALF},
        {"recovery/uring", IKV_BACKEND_URING, FILE_LARGE},
        {"recovery/uring/small", IKV_BACKEND_URING, FILE_SMALL},
        {"recovery/uring/half", IKV_BACKEND_URING, FILE_HALF},
        {"recovery/pread", IKV_BACKEND_PREAD, FILE_LARGE},
        {"recovery/pread/small", IKV_BACKEND_PREAD, FILE_SMALL},
        {"recovery/pread/half", IKV_BACKEND_PREAD, FILE_HALF},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        register_recovery(options, all[i].name, all[i].backend, all[i].state);
}
