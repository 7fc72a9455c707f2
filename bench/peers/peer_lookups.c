#include "peers/peer_lookups.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define SAMPLES_MAX ((size_t)1 << 20) /* per repetition; later samples are discarded */

struct peer_lookups {
    struct subject subject;
    struct peer *peer;
    struct key_pool *pool;
    size_t batch;
    size_t next;       /* number of the next key of the pool */
    uint32_t *samples; /* single lookups since the last report, in ns; NULL: batches */
    size_t sample_count;
};

/* google-benchmark estimates the number of iterations from the first steps. These would be slow,
 * since they access pages for the first time, so some steps are made before. */
#define FIRST_STEPS 32

static int make_first_steps(struct peer_lookups *lookups, struct bench_error *error)
{
    int code = BENCH_OK;

    for (int i = 0; i < FIRST_STEPS && code == BENCH_OK; i++) {
        struct step step = {0};
        code = lookups->subject.kind->step(&lookups->subject, &step, error);
    }
    lookups->sample_count = 0;
    return code;
}

static int peer_lookups_open(struct subject *subject, struct bench_error *error)
{
    struct peer_lookups *lookups = (struct peer_lookups *)subject;
    int code = key_pool_open(lookups->pool, error);

    if (code == BENCH_OK)
        code = peer_open(lookups->peer, lookups->batch, error);
    return code == BENCH_OK ? make_first_steps(lookups, error) : code;
}

static void peer_lookups_close(struct subject *subject)
{
    struct peer_lookups *lookups = (struct peer_lookups *)subject;

    peer_release(lookups->peer);
    key_pool_release(lookups->pool);
    free(lookups->samples);
    free(lookups);
}

/* ---------------------------------------------------------------- a step */

static int check(const struct peer *peer, const unsigned char *keys, size_t count,
                 struct bench_error *error)
{
    const struct answers *answers = &peer->answers;
    const size_t size = dataset_key_size(&peer->data);

    for (size_t i = 0; i < count; i++) {
        const uint64_t number = dataset_number(keys + i * size);
        const bool right =
            number < peer->data.pairs
                ? dataset_is_value(&peer->data, number, answers->values + i * answers->value_size,
                                   answers->sizes[i])
                : answers->sizes[i] == ANSWER_MISSING;
        if (!right)
            return bench_error_set(error, BENCH_FAILED, "wrong answer for the key of pair %" PRIu64,
                                   number);
    }
    return BENCH_OK;
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int get_singly(struct peer_lookups *lookups, const unsigned char *keys,
                      struct bench_error *error)
{
    struct peer *peer = lookups->peer;
    const size_t size = dataset_key_size(&peer->data);
    uint64_t before = now();
    int code = BENCH_OK;

    for (size_t i = 0; i < lookups->batch && code == BENCH_OK; i++) {
        code = peer->kind->get(peer, keys + i * size, i, error);
        const uint64_t after = now();
        if (lookups->sample_count < SAMPLES_MAX)
            lookups->samples[lookups->sample_count++] = (uint32_t)(after - before);
        before = after;
    }
    return code;
}

static int peer_lookups_step(struct subject *subject, struct step *ret_step,
                             struct bench_error *error)
{
    struct peer_lookups *lookups = (struct peer_lookups *)subject;
    struct peer *peer = lookups->peer;
    const unsigned char *keys = key_pool_at(lookups->pool, lookups->next);
    int code = BENCH_OK;

    lookups->next = (lookups->next + lookups->batch) % lookups->pool->count;
    const struct stopwatch start = stopwatch_start();
    if (lookups->samples)
        code = get_singly(lookups, keys, error);
    else
        code = peer->kind->get_many(peer, keys, lookups->batch, error);
    ret_step->spent = stopwatch_stop(&start);
    if (code != BENCH_OK)
        return code;
    if (peer->kind->finish && !lookups->samples)
        peer->kind->finish(peer, lookups->batch, ret_step);
    ret_step->items = lookups->batch;
    ret_step->bytes = lookups->batch * peer->data.value_size;
    return check(peer, keys, lookups->batch, error);
}

/* ---------------------------------------------------------------- reporting */

static int compare_samples(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void peer_lookups_report(struct subject *subject, struct bench_state *state)
{
    struct peer_lookups *lookups = (struct peer_lookups *)subject;
    const size_t count = lookups->sample_count;

    if (state && count > 0) {
        const size_t middle = count / 2;
        const size_t high = count - 1 - count / 100;
        qsort(lookups->samples, count, sizeof *lookups->samples, compare_samples);
        bench_counter(state, "get_p50_ns", lookups->samples[middle], BENCH_VALUE);
        bench_counter(state, "get_p99_ns", lookups->samples[high], BENCH_VALUE);
    }
    lookups->sample_count = 0;
}

static const char *peer_lookups_describe(const struct subject *subject, char *text, size_t size)
{
    const struct peer *peer = ((const struct peer_lookups *)subject)->peer;

    return peer->kind->describe(peer, text, size);
}

static struct peer_lookups *lookups_of(struct peer *peer, struct key_pool *pool, size_t batch)
{
    static const struct subject_kind kind = {.open = peer_lookups_open,
                                             .step = peer_lookups_step,
                                             .report = peer_lookups_report,
                                             .describe = peer_lookups_describe,
                                             .close = peer_lookups_close};
    struct peer_lookups *lookups = subject_new(sizeof *lookups, &kind, SOURCE_PAGE_CACHE);

    lookups->peer = peer_acquire(peer);
    lookups->pool = key_pool_acquire(pool);
    lookups->batch = batch;
    return lookups;
}

struct subject *peer_batches_new(struct peer *peer, struct key_pool *pool, size_t batch)
{
    return &lookups_of(peer, pool, batch)->subject;
}

struct subject *peer_singles_new(struct peer *peer, struct key_pool *pool, size_t count)
{
    struct peer_lookups *lookups = lookups_of(peer, pool, count);

    lookups->samples = bench_alloc(SAMPLES_MAX * sizeof *lookups->samples);
    return &lookups->subject;
}
