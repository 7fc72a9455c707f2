#include "data/key_pool.h"
#include "bench/draws.h"
#include "data/index_keys.h"

#include <stdlib.h>

/* Enough that their records exceed the processor's caches. */
#define POOL_KEYS 4000000

struct key_pool *key_pool_new(const struct dataset *data, enum key_choice choice, size_t batch)
{
    struct key_pool *pool = bench_alloc(sizeof *pool);

    pool->data = *data;
    pool->choice = choice;
    pool->count = POOL_KEYS / batch * batch;
    return pool;
}

struct key_pool *key_pool_acquire(struct key_pool *pool)
{
    pool->users++;
    return pool;
}

void key_pool_release(struct key_pool *pool)
{
    if (--pool->users > 0)
        return;
    free(pool->keys);
    free(pool);
}

/* ---------------------------------------------------------------- choosing */

static unsigned char *place(struct key_pool *pool, size_t number)
{
    return pool->keys + number * dataset_key_size(&pool->data);
}

#define SEED 1

static void choose_uniform(struct key_pool *pool)
{
    struct random random = {SEED};

    for (size_t i = 0; i < pool->count; i++) {
        uint64_t number = random_below(&random, pool->data.pairs);
        if (pool->choice == KEYS_HALF_ABSENT && random_below(&random, 2) == 0)
            number += pool->data.pairs;
        dataset_put_key(&pool->data, number, place(pool, i));
    }
}

static void choose_zipf(struct key_pool *pool)
{
    struct random random = {SEED};
    struct zipf zipf;

    zipf_init(&zipf, pool->data.pairs, 0.99);
    for (size_t i = 0; i < pool->count; i++) {
        const uint64_t rank = zipf_draw(&zipf, &random) - 1;
        dataset_put_key(&pool->data, scatter(rank, pool->data.pairs, SEED), place(pool, i));
    }
}

static int choose_runs(struct key_pool *pool, size_t run, struct bench_error *error)
{
    struct random random = {SEED};
    struct index_keys index;
    uint64_t number = 0;

    const int code = index_keys_open(&index, &pool->data, error);
    for (size_t i = 0; i < pool->count && code == BENCH_OK; i++, number++) {
        if (i % run == 0)
            number = random_below(&random, index.info.pair_count);
        index_keys_get(&index, number % index.info.pair_count, place(pool, i));
    }
    index_keys_close(&index);
    return code;
}

int key_pool_open(struct key_pool *pool, struct bench_error *error)
{
    int code = BENCH_OK;

    if (pool->keys)
        return BENCH_OK;
    pool->keys = malloc(pool->count * dataset_key_size(&pool->data));
    if (!pool->keys)
        return bench_error_set(error, BENCH_FAILED, "out of memory");
    switch (pool->choice) {
    case KEYS_UNIFORM:
    case KEYS_HALF_ABSENT:
        choose_uniform(pool);
        break;
    case KEYS_ZIPF:
        choose_zipf(pool);
        break;
    case KEYS_CLUSTERED:
        code = choose_runs(pool, KEYS_RUN, error);
        break;
    case KEYS_SEQUENTIAL:
        code = choose_runs(pool, pool->count, error);
        break;
    }
    if (code != BENCH_OK) {
        free(pool->keys);
        pool->keys = NULL;
    }
    return code;
}

const unsigned char *key_pool_at(const struct key_pool *pool, size_t number)
{
    return pool->keys + number * dataset_key_size(&pool->data);
}
