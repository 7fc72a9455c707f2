/*
 * Lookups of random keys in a store that was made from gen_pairs' output.
 *
 *   lookups STORE BATCH COUNT [pread|uring] [direct] [memory=BYTES] [seed=N]
 *
 * Checks every value. Prints: lookups a second (time in ikv_get_many only), reads a second, index
 * reads a key, record reads a key, CPU microseconds a key.
 */
#define _POSIX_C_SOURCE 200809L
#include <indexkv.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As gen_pairs makes key i. */
static uint64_t mix(uint64_t key)
{
    key += 0x9e3779b97f4a7c15u;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct run {
    ikv_open_options open;
    size_t batch;
    uint64_t count;
    uint64_t seed;
    double wall;
    double cpu;
    ikv_stats stats;
};

static int parse(int argc, char **argv, struct run *run)
{
    if (argc < 4)
        return -1;
    run->batch = (size_t)strtoull(argv[2], NULL, 10);
    run->count = strtoull(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "pread") == 0)
            run->open.backend = IKV_BACKEND_PREAD;
        else if (strcmp(argv[i], "uring") == 0)
            run->open.backend = IKV_BACKEND_URING;
        else if (strcmp(argv[i], "direct") == 0)
            run->open.flags |= IKV_OPEN_DIRECT;
        else if (strncmp(argv[i], "memory=", 7) == 0)
            run->open.index_memory = strtoull(argv[i] + 7, NULL, 10);
        else if (strncmp(argv[i], "seed=", 5) == 0)
            run->seed = strtoull(argv[i] + 5, NULL, 10);
        else
            return -1;
    }
    return run->batch > 0 && run->count > 0 ? 0 : -1;
}

static int check(const ikv_result *result, const uint64_t *numbers, size_t count)
{
    const ikv_item *items = ikv_result_items(result);

    for (size_t i = 0; i < count; i++) {
        if (items[i].status != IKV_FOUND || items[i].size < 8 ||
            memcmp(items[i].value, &numbers[i], 8) != 0) {
            fprintf(stderr, "lookups: a wrong answer\n");
            return -1;
        }
    }
    return 0;
}

static int look_up(struct run *run, ikv_store *store, ikv_result *result, uint64_t *keys,
                   uint64_t *numbers)
{
    ikv_info info;
    ikv_error err;

    ikv_store_info(store, &info);
    for (uint64_t done = 0; done < run->count; done += run->batch) {
        for (size_t i = 0; i < run->batch; i++) {
            numbers[i] = mix(run->seed + done + i) % info.pair_count;
            keys[i] = mix(numbers[i]);
        }
        double wall = seconds(CLOCK_MONOTONIC);
        double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (ikv_get_many(store, keys, run->batch, NULL, result, &err) < 0) {
            fprintf(stderr, "lookups: %s\n", err.message);
            return -1;
        }
        run->wall += seconds(CLOCK_MONOTONIC) - wall;
        run->cpu += seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        ikv_stats_add(&run->stats, ikv_result_stats(result));
        if (check(result, numbers, run->batch) != 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct run run = {.open = IKV_OPEN_OPTIONS_INIT, .seed = 1};
    ikv_store *store = NULL;
    ikv_result *result = NULL;
    ikv_error err;

    if (parse(argc, argv, &run) != 0) {
        fprintf(stderr, "usage: lookups STORE BATCH COUNT [pread|uring] [direct] [memory=BYTES] "
                        "[seed=N]\n");
        return 2;
    }
    uint64_t *keys = malloc(2 * run.batch * sizeof *keys);
    if (!keys || ikv_result_new(&result) < 0) {
        free(keys);
        return 1;
    }
    if (ikv_open(argv[1], &run.open, &store, &err) < 0) {
        fprintf(stderr, "lookups: %s\n", err.message);
        ikv_result_free(result);
        free(keys);
        return 1;
    }
    int failed = look_up(&run, store, result, keys, keys + run.batch);
    if (!failed) {
        double n = (double)run.stats.keys;
        double reads = (double)(run.stats.index_reads + run.stats.record_reads);
        printf("%.0f %.0f %.3f %.3f %.3f\n", n / run.wall, reads / run.wall,
               (double)run.stats.index_reads / n, (double)run.stats.record_reads / n,
               run.cpu / n * 1e6);
    }
    ikv_result_free(result);
    ikv_close(store);
    free(keys);
    return failed ? 1 : 0;
}
