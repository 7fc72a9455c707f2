/*
 * Resident data and two cores.
 *
 *   resident/callers   threads, each with batches and a result of its own, share a store; its
 * engine has as many workers resident/submit    one thread keeps some batches under way on an
 * engine of so many workers
 *
 * Answers are checked within the time that counts, since threads don't wait for each other.
 */
#include "data/key_pool.h"
#include "families/families.h"
#include "peers/peer_indexkv.h"
#include "subjects/engines.h"
#include "subjects/lookups.h"

#include <inttypes.h>
#include <stdlib.h>

#define SHARING_BATCH 1000
#define UNDER_WAY     8

struct sharing {
    struct peer *peer;
    struct key_pool *pool;
    double cpu; /* of all threads, and what the process had read, before */
    struct process_io io;
};

static int sharing_open(void *user, struct bench_error *error)
{
    struct sharing *sharing = user;
    const int code = key_pool_open(sharing->pool, error);

    return code == BENCH_OK ? peer_open(sharing->peer, SHARING_BATCH, error) : code;
}

static void sharing_close(void *user)
{
    struct sharing *sharing = user;

    peer_leave(sharing->peer);
    key_pool_leave(sharing->pool);
    free(sharing);
}

static int check(const struct dataset *data, const unsigned char *keys, const ikv_result *result,
                 struct bench_error *error)
{
    const ikv_item *items = ikv_result_items(result);

    for (size_t i = 0; i < SHARING_BATCH; i++) {
        const uint64_t number = dataset_number(keys + i * dataset_key_size(data));
        if (!dataset_is_answer(data, number, &items[i]))
            return bench_error_set(error, BENCH_FAILED, "a wrong answer to pair %" PRIu64, number);
    }
    return BENCH_OK;
}

static void begin(struct sharing *sharing)
{
    process_io_now(&sharing->io);
    sharing->cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

/* Thread 0 tells the processor time of all. */
static void report(struct bench_state *state, const struct sharing *sharing, uint64_t batches,
                   const ikv_stats *last)
{
    const uint64_t all = batches * bench_threads(state) * SHARING_BATCH;
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - sharing->cpu;
    const struct process_io since = process_io_since(&sharing->io);
    char how[256];

    bench_items(state, batches * SHARING_BATCH);
    if (bench_thread(state) > 0 || all == 0)
        return;
    bench_counter(state, "cpu_ns_per_item", cpu * 1e9 / (double)all, BENCH_VALUE);
    subject_label(state, SOURCE_PAGE_CACHE, &since, all * sharing->peer->data.value_size,
                  engines_describe(last, how, sizeof how));
}

/* ---------------------------------------------------------------- callers */

static int call(const struct sharing *sharing, size_t first, ikv_result *result,
                struct bench_error *error)
{
    const unsigned char *keys = key_pool_at(sharing->pool, first);
    ikv_error err;

    if (ikv_get_many(peer_indexkv_store(sharing->peer), keys, SHARING_BATCH, NULL, result, &err) <
        0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    return check(&sharing->peer->data, keys, result, error);
}

/* Threads begin far from each other in the circle of keys. */
static void run_callers(struct bench_state *state)
{
    struct sharing *sharing = bench_user(state);
    const size_t count = sharing->pool->count;
    size_t next =
        count / SHARING_BATCH * bench_thread(state) / bench_threads(state) * SHARING_BATCH;
    ikv_result *result = NULL;
    struct bench_error error;
    uint64_t batches = 0;
    int code = BENCH_OK;

    if (ikv_result_new(&result) < 0)
        code = bench_error_set(&error, BENCH_FAILED, "out of memory");
    else
        code = call(sharing, next, result, &error); /* the result gets its memory */
    if (bench_thread(state) == 0)
        begin(sharing);
    while (code == BENCH_OK && bench_keep_running(state)) {
        next = (next + SHARING_BATCH) % count;
        code = call(sharing, next, result, &error);
        batches++;
    }
    if (code == BENCH_OK)
        report(state, sharing, batches, ikv_result_stats(result));
    else
        bench_stop(state, code, &error);
    ikv_result_free(result);
}

/* ---------------------------------------------------------------- submit */

struct submitted {
    ikv_result *result;
    const unsigned char *keys;
    bool is_under_way;
};

struct submit_run {
    struct sharing *sharing;
    struct submitted places[UNDER_WAY];
    size_t next;    /* key of the pool */
    ikv_stats last; /* of the batch that came back */
};

static int submit(struct submit_run *run, struct submitted *place, struct bench_error *error)
{
    const struct sharing *sharing = run->sharing;
    ikv_error err;

    place->keys = key_pool_at(sharing->pool, run->next);
    run->next = (run->next + SHARING_BATCH) % sharing->pool->count;
    if (ikv_submit(peer_indexkv_store(sharing->peer), place->keys, SHARING_BATCH, NULL, NULL,
                   place->result, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    place->is_under_way = true;
    return BENCH_OK;
}

/* The batch in a place comes back, and another one takes it. */
static int turn_over(struct submit_run *run, struct submitted *place, struct bench_error *error)
{
    ikv_error err;

    place->is_under_way = false;
    if (ikv_wait(place->result, &err) < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", err.message);
    run->last = *ikv_result_stats(place->result);
    const int code = check(&run->sharing->peer->data, place->keys, place->result, error);
    return code == BENCH_OK ? submit(run, place, error) : code;
}

static void end(struct submit_run *run)
{
    ikv_error err;

    for (int i = 0; i < UNDER_WAY; i++) {
        if (run->places[i].is_under_way && ikv_wait(run->places[i].result, &err) < 0)
            continue; /* what it found does not matter any more */
        ikv_result_free(run->places[i].result);
    }
}

static void run_submit(struct bench_state *state)
{
    struct submit_run run = {.sharing = bench_user(state)};
    struct bench_error error;
    uint64_t batches = 0;
    int code = BENCH_OK;

    for (int i = 0; i < UNDER_WAY && code == BENCH_OK; i++) {
        if (ikv_result_new(&run.places[i].result) < 0)
            code = bench_error_set(&error, BENCH_FAILED, "out of memory");
        else
            code = submit(&run, &run.places[i], &error);
    }
    begin(run.sharing);
    while (code == BENCH_OK && bench_keep_running(state))
        code = turn_over(&run, &run.places[batches++ % UNDER_WAY], &error);
    if (code == BENCH_OK)
        report(state, run.sharing, batches, &run.last);
    else
        bench_stop(state, code, &error);
    end(&run);
}

/* ---------------------------------------------------------------- registering */

void sharing_register(const struct options *options)
{
    const struct dataset data = {.directory = options->data,
                                 .pairs = options->pairs,
                                 .value_size = options->value_size,
                                 .key_size = options->key_size};
    struct key_pool *pool = key_pool_new(&data, KEYS_UNIFORM, SHARING_BATCH);

    for (unsigned threads = 1; threads <= 2; threads++) {
        struct sharing *callers = bench_new(sizeof *callers);
        struct sharing *submits = bench_new(sizeof *submits);
        struct peer *peer = peer_indexkv_new(&data, IKV_BACKEND_AUTO, threads);
        *callers = (struct sharing){.peer = peer_use(peer), .pool = key_pool_use(pool)};
        *submits = (struct sharing){.peer = peer_use(peer), .pool = key_pool_use(pool)};
        bench_register(&(struct bench){.name = "resident/callers",
                                       .args = {{"batch", SHARING_BATCH}},
                                       .run = run_callers,
                                       .set_up = sharing_open,
                                       .tear_down = sharing_close,
                                       .user = callers,
                                       .threads = threads});
        bench_register(&(struct bench){.name = "resident/submit",
                                       .args = {{"batch", SHARING_BATCH}, {"workers", threads}},
                                       .run = run_submit,
                                       .set_up = sharing_open,
                                       .tear_down = sharing_close,
                                       .user = submits});
    }
}
