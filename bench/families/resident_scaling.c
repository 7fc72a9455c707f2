/*
 * Resident data with one thread and with two.
 *
 *   resident/callers   threads share a store, whose engine has as many workers; each has its own
 *                      batches and result
 *   resident/submit    one thread keeps batches in flight on an engine with one or two workers
 *
 * The measured time includes checking the answers, since the threads do not wait for each other.
 */
#include "data/key_pool.h"
#include "families/families.h"
#include "peers/peer_indexkv.h"
#include "subjects/engines.h"
#include "subjects/lookups.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCALING_BATCH 1000
#define IN_FLIGHT     8

struct scaling {
    struct peer *peer;
    struct key_pool *pool;
    double cpu;           /* processor time of the process at the start */
    struct process_io io; /* at the start */
};

static int scaling_open(void *user, struct bench_error *error)
{
    struct scaling *scaling = user;
    const int code = key_pool_open(scaling->pool, error);

    return code == BENCH_OK ? peer_open(scaling->peer, SCALING_BATCH, error) : code;
}

static void scaling_close(void *user)
{
    struct scaling *scaling = user;

    peer_release(scaling->peer);
    key_pool_release(scaling->pool);
    free(scaling);
}

static int check(const struct dataset *data, const unsigned char *keys, const ikv_result *result,
                 struct bench_error *error)
{
    const ikv_item *items = ikv_result_items(result);

    for (size_t i = 0; i < SCALING_BATCH; i++) {
        const uint64_t number = dataset_number(keys + i * dataset_key_size(data));
        if (!dataset_is_answer(data, number, &items[i]))
            return bench_error_set(error, BENCH_FAILED, "wrong answer for pair %" PRIu64, number);
    }
    return BENCH_OK;
}

static void begin(struct scaling *scaling)
{
    process_io_now(&scaling->io);
    scaling->cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

/* Thread 0 reports the processor time of all threads. */
static void report(struct bench_state *state, const struct scaling *scaling, uint64_t batches,
                   const ikv_stats *last)
{
    const uint64_t all = batches * bench_threads(state) * SCALING_BATCH;
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - scaling->cpu;
    const struct process_io since = process_io_since(&scaling->io);
    char how[256];

    bench_items(state, batches * SCALING_BATCH);
    if (bench_thread(state) > 0 || all == 0)
        return;
    bench_counter(state, "cpu_ns_per_item", cpu * 1e9 / (double)all, BENCH_VALUE);
    subject_label(state, SOURCE_PAGE_CACHE, &since, all * scaling->peer->data.value_size,
                  engines_describe(last, how, sizeof how));
}

/* ---------------------------------------------------------------- callers */

static int call(const struct scaling *scaling, size_t first, ikv_result *result,
                struct bench_error *error)
{
    const unsigned char *keys = key_pool_at(scaling->pool, first);
    ikv_error err;

    if (ikv_get_many(peer_indexkv_store(scaling->peer), keys, SCALING_BATCH, NULL, result, &err) <
        0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    return check(&scaling->peer->data, keys, result, error);
}

/* Threads start far from each other in the sequence of keys. */
static void run_callers(struct bench_state *state)
{
    struct scaling *scaling = bench_user(state);
    const size_t count = scaling->pool->count;
    size_t next =
        count / SCALING_BATCH * bench_thread(state) / bench_threads(state) * SCALING_BATCH;
    ikv_result *result = NULL;
    struct bench_error error;
    uint64_t batches = 0;
    int code = BENCH_OK;

    if (ikv_result_new(&result) < 0)
        code = bench_error_set(&error, BENCH_FAILED, "out of memory");
    else
        code = call(scaling, next, result, &error); /* allocates the result's memory */
    if (bench_thread(state) == 0)
        begin(scaling);
    while (code == BENCH_OK && bench_keep_running(state)) {
        next = (next + SCALING_BATCH) % count;
        code = call(scaling, next, result, &error);
        batches++;
    }
    if (code == BENCH_OK)
        report(state, scaling, batches, ikv_result_stats(result));
    else
        bench_stop(state, code, &error);
    ikv_result_free(result);
}

/* ---------------------------------------------------------------- submit */

struct submitted {
    ikv_result *result;
    const unsigned char *keys;
    bool is_in_flight;
};

struct submit_run {
    struct scaling *scaling;
    struct submitted places[IN_FLIGHT];
    size_t next;    /* number of the next key of the pool */
    ikv_stats last; /* of the last completed batch */
};

static int submit(struct submit_run *run, struct submitted *place, struct bench_error *error)
{
    const struct scaling *scaling = run->scaling;
    ikv_error err;

    place->keys = key_pool_at(scaling->pool, run->next);
    run->next = (run->next + SCALING_BATCH) % scaling->pool->count;
    if (ikv_submit(peer_indexkv_store(scaling->peer), place->keys, SCALING_BATCH, NULL, NULL,
                   place->result, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    place->is_in_flight = true;
    return BENCH_OK;
}

/* Waits for the batch in a place, and submits another one there. */
static int wait_and_resubmit(struct submit_run *run, struct submitted *place,
                             struct bench_error *error)
{
    ikv_error err;

    place->is_in_flight = false;
    if (ikv_wait(place->result, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    run->last = *ikv_result_stats(place->result);
    const int code = check(&run->scaling->peer->data, place->keys, place->result, error);
    return code == BENCH_OK ? submit(run, place, error) : code;
}

static void end(struct submit_run *run)
{
    ikv_error err;

    for (int i = 0; i < IN_FLIGHT; i++) {
        if (run->places[i].is_in_flight && ikv_wait(run->places[i].result, &err) < 0)
            continue; /* the outcome does not matter */
        ikv_result_free(run->places[i].result);
    }
}

static void run_submit(struct bench_state *state)
{
    struct submit_run run = {.scaling = bench_user(state)};
    struct bench_error error;
    uint64_t batches = 0;
    int code = BENCH_OK;

    for (int i = 0; i < IN_FLIGHT && code == BENCH_OK; i++) {
        if (ikv_result_new(&run.places[i].result) < 0)
            code = bench_error_set(&error, BENCH_FAILED, "out of memory");
        else
            code = submit(&run, &run.places[i], &error);
    }
    begin(run.scaling);
    while (code == BENCH_OK && bench_keep_running(state))
        code = wait_and_resubmit(&run, &run.places[batches++ % IN_FLIGHT], &error);
    if (code == BENCH_OK)
        report(state, run.scaling, batches, &run.last);
    else
        bench_stop(state, code, &error);
    end(&run);
}

/* ---------------------------------------------------------------- registering */

void resident_scaling_register(const struct options *options)
{
    const struct dataset data = {.directory = options->data,
                                 .pairs = options->pairs,
                                 .value_size = options->value_size,
                                 .key_size = options->key_size};
    struct key_pool *pool = key_pool_new(&data, KEYS_UNIFORM, SCALING_BATCH);

    for (unsigned threads = 1; threads <= 2; threads++) {
        struct scaling *callers = bench_alloc(sizeof *callers);
        struct scaling *submits = bench_alloc(sizeof *submits);
        struct peer *peer = peer_indexkv_new(&data, IKV_BACKEND_AUTO, threads);
        *callers = (struct scaling){.peer = peer_acquire(peer), .pool = key_pool_acquire(pool)};
        *submits = (struct scaling){.peer = peer_acquire(peer), .pool = key_pool_acquire(pool)};
        bench_register(&(struct bench){.name = "resident/callers",
                                       .args = {{"batch", SCALING_BATCH}},
                                       .run = run_callers,
                                       .set_up = scaling_open,
                                       .tear_down = scaling_close,
                                       .user = callers,
                                       .threads = threads});
        bench_register(&(struct bench){.name = "resident/submit",
                                       .args = {{"batch", SCALING_BATCH}, {"workers", threads}},
                                       .run = run_submit,
                                       .set_up = scaling_open,
                                       .tear_down = scaling_close,
                                       .user = submits});
    }
}
