#include "subjects/bound.h"
#include "data/index_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE             64
#define RECORD_HEAD_SIZE 4 /* size field */

struct place {
    const unsigned char *entry;
    const unsigned char *value;
};

struct bound {
    struct subject subject;
    struct key_pool *pool;
    struct index_keys index;
    size_t batch;
    size_t next;          /* number of the next key of the pool */
    size_t distance;      /* keys between a prefetch and its use */
    struct place *places; /* of the pool's keys */
    unsigned char *values;
    uint64_t touched; /* keeps the compiler from removing reads */
};

/* ---------------------------------------------------------------- the loop */

static void prefetch(const struct place *place, size_t value_size)
{
    __builtin_prefetch(place->entry);
    for (const unsigned char *at = place->value; at < place->value + value_size; at += LINE)
        __builtin_prefetch(at);
    __builtin_prefetch(place->value + value_size - 1);
}

static void touch_all(struct bound *bound, const struct place *places)
{
    const size_t count = bound->batch;
    const size_t distance = bound->distance;
    const size_t size = bound->pool->data.value_size;
    uint64_t touched = 0;

    for (size_t i = 0; i < distance && i < count; i++)
        prefetch(&places[i], size);
    for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        if (i + distance < count)
            prefetch(&places[i + distance], size);
        memcpy(&word, places[i].entry, sizeof word);
        touched += word;
        memcpy(bound->values + i * size, places[i].value, size);
    }
    bound->touched += touched;
}

static int check(const struct bound *bound, size_t first, struct bench_error *error)
{
    const struct dataset *data = &bound->pool->data;

    for (size_t i = 0; i < bound->batch; i++) {
        const uint64_t number = dataset_number(key_pool_at(bound->pool, first + i));
        if (!dataset_is_value(data, number, bound->values + i * data->value_size, data->value_size))
            return bench_error_set(error, BENCH_FAILED, "wrong value of pair %" PRIu64, number);
    }
    return BENCH_OK;
}

static int bound_step(struct subject *subject, struct step *ret_step, struct bench_error *error)
{
    struct bound *bound = (struct bound *)subject;
    const size_t first = bound->next;

    bound->next = (bound->next + bound->batch) % bound->pool->count;
    const struct stopwatch start = stopwatch_start();
    touch_all(bound, bound->places + first);
    ret_step->spent = stopwatch_stop(&start);
    ret_step->items = bound->batch;
    ret_step->bytes = bound->batch * bound->pool->data.value_size;
    return check(bound, first, error);
}

/* ---------------------------------------------------------------- opening */

static int find_places(struct bound *bound, struct bench_error *error)
{
    const struct key_pool *pool = bound->pool;

    for (size_t i = 0; i < pool->count; i++) {
        unsigned char key[DATASET_KEY_MAX];
        const uint64_t number = index_keys_find(&bound->index, key_pool_at(pool, i));
        index_keys_get(&bound->index, number, key);
        if (memcmp(key, key_pool_at(pool, i), dataset_key_size(&pool->data)) != 0)
            return bench_error_set(error, BENCH_FAILED, "%s: a key is missing", bound->index.path);
        bound->places[i].entry = index_keys_entry(&bound->index, number);
        bound->places[i].value =
            bound->index.file + index_keys_position(&bound->index, number) + RECORD_HEAD_SIZE;
    }
    return BENCH_OK;
}

#define TRIALS        4
#define TRIAL_BATCHES 200

/* Adds the time of TRIAL_BATCHES batches to *seconds. */
static int try_distance(struct bound *bound, size_t distance, double *seconds,
                        struct bench_error *error)
{
    int code = BENCH_OK;

    bound->distance = distance;
    for (int i = 0; i < TRIAL_BATCHES && code == BENCH_OK; i++) {
        struct step step = {0};
        code = bound_step(&bound->subject, &step, error);
        *seconds += step.spent.wall;
    }
    return code;
}

/* Choose the fastest distance. Trials of all distances alternate. */
static int choose_distance(struct bound *bound, struct bench_error *error)
{
    static const size_t distances[] = {4, 8, 12, 16, 24, 32, 64};
    enum { COUNT = sizeof distances / sizeof distances[0] };
    double seconds[COUNT] = {0};
    size_t best = 0;

    for (int trial = 0; trial < TRIALS; trial++) {
        for (size_t i = 0; i < COUNT; i++) {
            const int code = try_distance(bound, distances[i], &seconds[i], error);
            if (code != BENCH_OK)
                return code;
        }
    }
    for (size_t i = 1; i < COUNT; i++) {
        if (seconds[i] < seconds[best])
            best = i;
    }
    bound->distance = distances[best];
    return BENCH_OK;
}

/* Faults in every page of the mapping. */
static void touch_pages(struct bound *bound)
{
    for (uint64_t at = 0; at < bound->index.info.file_size; at += 4096)
        bound->touched += bound->index.file[at];
}

static int bound_open(struct subject *subject, struct bench_error *error)
{
    struct bound *bound = (struct bound *)subject;
    int code = key_pool_open(bound->pool, error);

    if (code == BENCH_OK)
        code = index_keys_open(&bound->index, &bound->pool->data, error);
    if (code == BENCH_OK)
        code = dataset_reload(bound->index.path, error);
    bound->places = bench_alloc(bound->pool->count * sizeof *bound->places);
    bound->values = bench_alloc(bound->batch * bound->pool->data.value_size);
    if (code == BENCH_OK) {
        touch_pages(bound);
        code = find_places(bound, error);
    }
    return code == BENCH_OK ? choose_distance(bound, error) : code;
}

static const char *bound_describe(const struct subject *subject, char *text, size_t size)
{
    const struct bound *bound = (const struct bound *)subject;

    (void)snprintf(text, size, "prefetches %zu keys ahead", bound->distance);
    return text;
}

static void bound_close(struct subject *subject)
{
    struct bound *bound = (struct bound *)subject;

    index_keys_close(&bound->index);
    key_pool_release(bound->pool);
    free(bound->places);
    free(bound->values);
    free(bound);
}

struct subject *bound_new(struct key_pool *pool, size_t batch)
{
    static const struct subject_kind kind = {
        .open = bound_open, .step = bound_step, .describe = bound_describe, .close = bound_close};
    struct bound *bound = subject_new(sizeof *bound, &kind, SOURCE_PAGE_CACHE);

    bound->pool = key_pool_acquire(pool);
    bound->batch = batch;
    return &bound->subject;
}
