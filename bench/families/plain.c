/*
 * plain/learning/...: a plain v2 file has no fences; the library learns them from the pages that
 * lookups read. Each run reopens the file and looks up a sequence of batches. Counters are the
 * reads per key in the first, second, fourth, ... batch, and the memory used for the index in the
 * end. The limit of that memory is checked after every batch.
 */
#include "data/dataset.h"
#include "families/families.h"
#include "harness/clock.h"
#include "harness/harness.h"
#include "harness/subject.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH   1000
#define BATCHES 256

#define ENTRY_SIZE 16
#define PAGE_SIZE  4096

/* Memory for a learned fence and its page number. */
#define FENCE_SIZE 32

struct learning {
    struct dataset data;
    uint64_t memory; /* limit */
    char path[PATH_MAX];
};

struct learning_run {
    const struct learning *learning;
    ikv_store *store;
    ikv_result *result;
    double seconds;
    uint64_t bytes;        /* read */
    struct process_io io;  /* at the start */
    double reads[BATCHES]; /* reads per key in each batch */
};

static int set_up(void *user, struct bench_error *error)
{
    struct learning *learning = user;
    const int code = dataset_ensure(&learning->data, learning->path, sizeof learning->path, error);

    return code == BENCH_OK ? dataset_warm(learning->path, error) : code;
}

static void tear_down(void *user)
{
    free(user);
}

static int look_up(struct learning_run *run, uint64_t batch, struct bench_error *error)
{
    const struct dataset *data = &run->learning->data;
    uint64_t numbers[BATCH];
    uint64_t keys[BATCH];
    ikv_error err;

    for (uint64_t i = 0; i < BATCH; i++) {
        numbers[i] = dataset_key(~(batch * BATCH + i)) % data->pairs;
        keys[i] = dataset_key(numbers[i]);
    }
    const struct stopwatch start = stopwatch_start();
    const int code = ikv_get_many(run->store, keys, BATCH, NULL, run->result, &err);
    run->seconds += stopwatch_stop(&start).wall;
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    for (uint64_t i = 0; i < BATCH; i++) {
        if (!dataset_is_answer(data, numbers[i], &ikv_result_items(run->result)[i]))
            return bench_error_set(error, BENCH_FAILED, "wrong answer for key %" PRIu64, keys[i]);
    }
    const ikv_stats *stats = ikv_result_stats(run->result);
    run->bytes += stats->index_bytes + stats->record_bytes;
    run->reads[batch] = (double)(stats->index_reads + stats->record_reads) / BATCH;
    return BENCH_OK;
}

static int check_memory(const struct learning_run *run, struct bench_error *error)
{
    ikv_info info;

    ikv_store_info(run->store, &info);
    if (info.index_memory <= run->learning->memory)
        return BENCH_OK;
    return bench_error_set(error, BENCH_FAILED, "%" PRIu64 " bytes in memory, limit is %" PRIu64,
                           info.index_memory, run->learning->memory);
}

static int open_store(struct learning_run *run, struct bench_error *error)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err = {.message = "out of memory"};

    options.key_type = IKV_KEY_U64;
    options.backend = IKV_BACKEND_PREAD;
    options.index_memory = run->learning->memory;
    if (ikv_open(run->learning->path, &options, &run->store, &err) < 0 ||
        ikv_result_new(&run->result) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    return BENCH_OK;
}

static void report(struct bench_state *state, const struct learning_run *run)
{
    char name[64];
    ikv_info info;

    bench_items(state, (uint64_t)BATCH * BATCHES);
    for (unsigned batch = 1; batch <= BATCHES; batch *= 2) {
        (void)snprintf(name, sizeof name, "reads_per_item_batch_%03u", batch);
        bench_counter(state, name, run->reads[batch - 1], BENCH_VALUE);
    }
    ikv_store_info(run->store, &info);
    bench_counter(state, "fences", (double)info.fences, BENCH_VALUE);
    bench_counter(state, "index_memory", (double)info.index_memory, BENCH_VALUE);
    const struct process_io since = process_io_since(&run->io);
    subject_label(state, SOURCE_PAGE_CACHE, &since, run->bytes,
                  ikv_result_stats(run->result)->backend);
    bench_counter(state, "index_memory_limit", (double)run->learning->memory, BENCH_VALUE);
}

static void run_learning(struct bench_state *state)
{
    struct learning_run run = {.learning = bench_user(state)};
    struct bench_error error;
    int code = open_store(&run, &error);

    process_io_now(&run.io);
    while (code == BENCH_OK && bench_keep_running(state)) {
        for (uint64_t batch = 0; batch < BATCHES && code == BENCH_OK; batch++) {
            code = look_up(&run, batch, &error);
            if (code == BENCH_OK)
                code = check_memory(&run, &error);
        }
        bench_iteration_time(state, run.seconds);
    }
    if (code == BENCH_OK)
        report(state, &run);
    else
        bench_stop(state, code, &error);
    ikv_result_free(run.result);
    ikv_close(run.store);
}

void plain_register(const struct options *options)
{
    const uint64_t pages = (options->pairs * ENTRY_SIZE + PAGE_SIZE - 1) / PAGE_SIZE;
    const struct {
        const char *name;
        uint64_t memory;
    } bounds[] = {{"plain/learning/all_fences", pages * FENCE_SIZE},
                  {"plain/learning/quarter_of_fences", pages * FENCE_SIZE / 4},
                  {"plain/learning/64MiB", (uint64_t)64 << 20}};

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct learning *learning = bench_alloc(sizeof *learning);
        learning->data = (struct dataset){.directory = options->data,
                                          .pairs = options->pairs,
                                          .value_size = DATASET_VALUE_MIN,
                                          .plain = true};
        learning->memory = bounds[i].memory;
        bench_register(&(struct bench){.name = bounds[i].name,
                                       .run = run_learning,
                                       .set_up = set_up,
                                       .tear_down = tear_down,
                                       .user = learning,
                                       .iterations = 1,
                                       .flags = BENCH_MANUAL_TIME});
    }
}
