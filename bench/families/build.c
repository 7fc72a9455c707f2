/*
 * Build: a store with 100-byte values, written, synced and renamed to its final name.
 *
 *   build/random, /sorted        keys in random order, or sorted
 *   build/spilled                keys in random order, with the minimum of memory
 *   build/clustered/...          the same, clustered
 */
#include "data/dataset.h"
#include "families/families.h"
#include "harness/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_PAIRS 1000000
#define MIN_MEMORY  ((uint64_t)8 << 20)

struct build {
    char path[PATH_MAX];
    uint64_t pairs;
    ikv_layout layout;
    bool sorted;
    uint64_t memory;
    ikv_build_stats stats;
};

struct build_pairs {
    const struct build *build;
    uint64_t next;
    uint64_t key;
    unsigned char value[MAIN_VALUE_SIZE];
};

static int next_pair(void *user, ikv_pair *pair)
{
    struct build_pairs *pairs = user;

    if (pairs->next == pairs->build->pairs)
        return 0;
    pairs->key = pairs->build->sorted ? pairs->next : dataset_key(pairs->next);
    dataset_put_value(pairs->next, pairs->value);
    *pair = (ikv_pair){&pairs->key, pairs->value, sizeof pairs->value};
    pairs->next++;
    return 1;
}

static int build_store(struct build *build, struct bench_error *error)
{
    struct build_pairs pairs = {.build = build};
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_error err;

    options.key_type = IKV_KEY_U64;
    options.layout = build->layout;
    options.memory = build->memory;
    if (ikv_build(build->path, &options, next_pair, &pairs, &build->stats, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    if (build->stats.pairs != build->pairs)
        return bench_error_set(error, BENCH_FAILED, "%s: pairs are missing", build->path);
    return BENCH_OK;
}

static void run(struct bench_state *state)
{
    struct build *build = bench_user(state);
    struct bench_error error;
    uint64_t count = 0;

    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (; bench_keep_running(state); count++) {
        const int code = build_store(build, &error);
        if (code != BENCH_OK) {
            bench_stop(state, code, &error);
            return;
        }
    }
    bench_items(state, count * build->pairs);
    bench_bytes(state, count * build->stats.file_size);
    bench_counter(state, "cpu_ns_per_item", (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e9,
                  BENCH_PER_ITEM);
    bench_counter(state, "spilled_runs", (double)build->stats.spilled_runs, BENCH_VALUE);
}

static int set_up(void *user, struct bench_error *error)
{
    const struct build *build = user;
    char directory[PATH_MAX];

    (void)snprintf(directory, sizeof directory, "%s", build->path);
    *strrchr(directory, '/') = '\0';
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return bench_error_set(error, BENCH_FAILED, "%s: %s", directory, strerror(errno));
    return BENCH_OK;
}

static void tear_down(void *user)
{
    const struct build *build = user;

    (void)unlink(build->path);
    free(user);
}

void build_register(const struct options *options)
{
    static const struct {
        const char *name;
        ikv_layout layout;
        bool sorted;
        uint64_t memory;
    } ways[] = {{"build/random", IKV_LAYOUT_ARRIVAL, false, 0},
                {"build/sorted", IKV_LAYOUT_ARRIVAL, true, 0},
                {"build/spilled", IKV_LAYOUT_ARRIVAL, false, MIN_MEMORY},
                {"build/clustered/random", IKV_LAYOUT_CLUSTERED, false, 0},
                {"build/clustered/sorted", IKV_LAYOUT_CLUSTERED, true, 0},
                {"build/clustered/spilled", IKV_LAYOUT_CLUSTERED, false, MIN_MEMORY}};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct build *build = bench_alloc(sizeof *build);
        build->pairs = options->pairs < BUILD_PAIRS ? options->pairs : BUILD_PAIRS;
        build->layout = ways[i].layout;
        build->sorted = ways[i].sorted;
        build->memory = ways[i].memory;
        (void)snprintf(build->path, sizeof build->path, "%s/build.ikv", options->data);
        bench_register(&(struct bench){.name = ways[i].name,
                                       .run = run,
                                       .set_up = set_up,
                                       .tear_down = tear_down,
                                       .user = build});
    }
}
