/*
 * The start of a process: batches from the first one on, on a file that is in the page cache.
 *
 *   start/fresh/LAYOUT   the file was just built
 *   start/small          it was copied in writes of 4 KiB, and is in small folios
 *   start/large          it was dropped from the page cache and read again, into large folios
 *   start/half           as large, and then half of it was dropped
 *   start/.../preload    with IKV_OPEN_PRELOAD
 *   start/.../copy       with IKV_OPEN_COPY, too
 *
 * Each iteration prepares the file, and forks a child that opens the store and looks up uniform
 * keys. Counters:
 *
 *   steady_items_per_second   lookups per second at the end
 *   ready                     speed from 0.3 s per GB of the file on, relative to that at the end
 *   first_p999_ns             99.9th percentile of the batches of the first second
 *   first_p50_ns, first_max_ns
 *   entered                   share of the file that was entered in the background
 *   open_ns                   time that ikv_open took
 */
#include "data/file_state.h"
#include "data/key_pool.h"
#include "families/families.h"
#include "harness/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH         1000
#define READY_S_PER_B 0.3e-9
#define READY_S       0.1 /* how long the speed is measured then */
#define FIRST_S       1.0
#define STEADY_S      0.5 /* at the end */
#define BATCHES_MAX   100000
#define EPISODES      3
#define FULL_PAIRS    1000000 /* with fewer, only whether it works is tested */
#define TEST_SHARE    0.02    /* of the time, then */
#define COPY          3       /* of the data set */

struct start {
    struct dataset data;
    enum file_state state;
    uint32_t flags;
    struct key_pool *keys;
    char path[PATH_MAX];
};

/* Written by the child, in memory that it shares. */
struct child {
    int code;
    char message[512];
    uint64_t file_size;
    uint64_t entered;
    double opened; /* seconds that ikv_open took */
    uint64_t count;
    double ends[BATCHES_MAX]; /* seconds since ikv_open was called */
    double took[BATCHES_MAX];
};

/* ---------------------------------------------------------------- the child */

static double share_of_time(const struct start *start)
{
    return start->data.pairs < FULL_PAIRS ? TEST_SHARE : 1;
}

static double ready_at(const struct child *child)
{
    return READY_S_PER_B * (double)child->file_size;
}

static double ends_at(const struct start *start, const struct child *child)
{
    return child->opened + ready_at(child) + share_of_time(start) * (READY_S + FIRST_S + STEADY_S);
}

static int look_up(const struct start *start, struct child *child, ikv_store *store,
                   ikv_result *result, double began, ikv_error *err)
{
    const size_t batches = start->keys->count / BATCH;

    for (uint64_t i = 0; i < BATCHES_MAX; i++) {
        const unsigned char *keys = key_pool_at(start->keys, (size_t)(i % batches) * BATCH);
        const double from = seconds_of(CLOCK_MONOTONIC);
        const int code = ikv_get_many(store, keys, BATCH, NULL, result, err);
        const double to = seconds_of(CLOCK_MONOTONIC);
        const uint64_t number = dataset_number(keys);
        if (code < 0)
            return code;
        if (ikv_result_stats(result)->found != BATCH ||
            !dataset_is_answer(&start->data, number, ikv_result_items(result)))
            return IKV_E_RECORD;
        child->ends[i] = to - began;
        child->took[i] = to - from;
        child->count = i + 1;
        if (child->ends[i] > ends_at(start, child))
            break;
    }
    return 0;
}

static void run_child(const struct start *start, struct child *child)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err = {0};
    ikv_store *store = NULL;
    ikv_result *result = NULL;
    ikv_info info = {0};

    options.flags = start->flags;
    const double began = seconds_of(CLOCK_MONOTONIC);
    child->code = ikv_open(start->path, &options, &store, &err);
    child->opened = seconds_of(CLOCK_MONOTONIC) - began;
    if (child->code == 0)
        child->code = ikv_result_new(&result);
    if (child->code == 0) {
        ikv_store_info(store, &info);
        child->file_size = info.file_size;
        child->code = look_up(start, child, store, result, began, &err);
        ikv_store_info(store, &info);
        child->entered = info.entered;
    }
    (void)snprintf(child->message, sizeof child->message, "%s", err.message);
    ikv_result_free(result);
    ikv_close(store);
}

static int run_forked(const struct start *start, struct child *child, struct bench_error *error)
{
    int status = 0;

    *child = (struct child){.code = 1};
    const pid_t pid = fork();
    if (pid == 0) {
        run_child(start, child);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return bench_error_set(error, BENCH_FAILED, "the child failed");
    if (child->code != 0)
        return bench_error_set(error, BENCH_FAILED, "%s: %s", ikv_strerror(child->code),
                               child->message);
    return BENCH_OK;
}

/* ---------------------------------------------------------------- reporting */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Lookups per second in batches that ended within a time. */
static double rate(const struct child *child, double from, double to)
{
    double seconds = 0;
    uint64_t batches = 0;

    for (uint64_t i = 0; i < child->count; i++) {
        if (child->ends[i] >= from && child->ends[i] < to) {
            seconds += child->took[i];
            batches++;
        }
    }
    return batches ? (double)batches * BATCH / seconds : 0;
}

struct outcome {
    double steady;
    double ready;
    double p50;
    double p999;
    double max;
    double entered;
    double opened;
};

static struct outcome outcome_of(struct child *child)
{
    const double end = child->ends[child->count - 1];
    const double steady = rate(child, end - STEADY_S, end + 1);
    const double ready = rate(child, ready_at(child), ready_at(child) + READY_S);
    uint64_t first = 0;

    while (first < child->count && child->ends[first] < FIRST_S)
        first++;
    if (first == 0)
        first = 1;
    qsort(child->took, (size_t)first, sizeof child->took[0], compare);
    const uint64_t p999 = (first * 999 + 999) / 1000 - 1;
    return (struct outcome){
        .steady = steady,
        .ready = ready / steady,
        .p50 = child->took[first / 2] * 1e9,
        .p999 = child->took[p999] * 1e9,
        .max = child->took[first - 1] * 1e9,
        .entered = (double)child->entered / (double)child->file_size,
        .opened = child->opened * 1e9,
    };
}

static void report(struct bench_state *state, const char *name, double values[EPISODES])
{
    qsort(values, EPISODES, sizeof *values, compare);
    bench_counter(state, name, values[EPISODES / 2], BENCH_VALUE);
}

static void report_all(struct bench_state *state, const struct outcome outcomes[EPISODES])
{
    double values[7][EPISODES];

    for (int i = 0; i < EPISODES; i++) {
        values[0][i] = outcomes[i].steady;
        values[1][i] = outcomes[i].ready;
        values[2][i] = outcomes[i].p50;
        values[3][i] = outcomes[i].p999;
        values[4][i] = outcomes[i].max;
        values[5][i] = outcomes[i].entered;
        values[6][i] = outcomes[i].opened;
    }
    report(state, "steady_items_per_second", values[0]);
    report(state, "ready", values[1]);
    report(state, "first_p50_ns", values[2]);
    report(state, "first_p999_ns", values[3]);
    report(state, "first_max_ns", values[4]);
    report(state, "entered", values[5]);
    report(state, "open_ns", values[6]);
}

static void run(struct bench_state *state)
{
    struct start *start = bench_user(state);
    struct child *child =
        mmap(NULL, sizeof *child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct outcome outcomes[EPISODES] = {{0}};
    struct bench_error error = {"no memory"};
    int code = child == MAP_FAILED ? BENCH_FAILED : BENCH_OK;
    int next = 0;

    while (bench_keep_running(state) && code == BENCH_OK) {
        bench_pause(state);
        code =
            file_state_prepare(&start->data, start->state, start->path, sizeof start->path, &error);
        bench_resume(state);
        if (code == BENCH_OK)
            code = run_forked(start, child, &error);
        if (code == BENCH_OK)
            outcomes[next++] = outcome_of(child);
    }
    if (child != MAP_FAILED)
        (void)munmap(child, sizeof *child);
    if (code != BENCH_OK)
        bench_stop(state, code, &error);
    else
        report_all(state, outcomes);
}

/* ---------------------------------------------------------------- running */

static int start_open(void *user, struct bench_error *error)
{
    return key_pool_open(((struct start *)user)->keys, error);
}

static void start_close(void *user)
{
    struct start *start = user;

    key_pool_release(start->keys);
    free(start);
}

static void register_start(const struct options *options, const char *name, enum file_state state,
                           ikv_layout layout, uint32_t flags)
{
    struct start *start = bench_alloc(sizeof *start);

    start->data = (struct dataset){.directory = options->data,
                                   .pairs = options->pairs,
                                   .value_size = MAIN_VALUE_SIZE,
                                   .copy = COPY,
                                   .layout = layout};
    start->state = state;
    start->flags = flags;
    start->keys = key_pool_acquire(key_pool_new(&start->data, KEYS_UNIFORM, BATCH));
    bench_register(&(struct bench){.name = name,
                                   .args = {{"batch", BATCH}},
                                   .run = run,
                                   .set_up = start_open,
                                   .tear_down = start_close,
                                   .user = start,
                                   .iterations = EPISODES});
}

void start_register(const struct options *options)
{
    register_start(options, "start/fresh/arrival", FILE_FRESH, IKV_LAYOUT_ARRIVAL, 0);
    register_start(options, "start/fresh/clustered", FILE_FRESH, IKV_LAYOUT_CLUSTERED, 0);
    register_start(options, "start/large", FILE_LARGE, IKV_LAYOUT_ARRIVAL, 0);
    register_start(options, "start/half", FILE_HALF, IKV_LAYOUT_ARRIVAL, 0);
    register_start(options, "start/small", FILE_SMALL, IKV_LAYOUT_ARRIVAL, 0);
    register_start(options, "start/small/preload", FILE_SMALL, IKV_LAYOUT_ARRIVAL,
                   IKV_OPEN_PRELOAD);
    register_start(options, "start/small/copy", FILE_SMALL, IKV_LAYOUT_ARRIVAL,
                   IKV_OPEN_PRELOAD | IKV_OPEN_COPY);
    register_start(options, "start/large/copy", FILE_LARGE, IKV_LAYOUT_ARRIVAL,
                   IKV_OPEN_PRELOAD | IKV_OPEN_COPY);
}
