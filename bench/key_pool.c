#include "key_pool.h"
#include "index_keys.h"
#include "zipf.h"

#include <stdlib.h>

/* Enough that what is looked up does not fit into a processor's caches, some of which are huge. */
#define POOL_KEYS 4000000

/* A stream of random numbers: the same one in every run. */
static uint64_t next_random(uint64_t *state)
{
    return dataset_key((*state)++ ^ 0x706f6f6cu);
}

struct key_pool *key_pool_new(const struct dataset *data, enum key_choice choice, size_t batch)
{
    struct key_pool *pool = bench_new(sizeof *pool);

    pool->data = *data;
    pool->choice = choice;
    pool->count = POOL_KEYS / batch * batch;
    return pool;
}

struct key_pool *key_pool_use(struct key_pool *pool)
{
    pool->users++;
    return pool;
}

void key_pool_leave(struct key_pool *pool)
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

static void choose_any(struct key_pool *pool)
{
    uint64_t state = 0;

    for (size_t i = 0; i < pool->count; i++) {
        uint64_t number = next_random(&state) % pool->data.pairs;
        if (pool->choice == KEYS_HALF_ABSENT && next_random(&state) % 2 == 0)
            number += pool->data.pairs;
        dataset_put_key(&pool->data, number, place(pool, i));
    }
}

static void choose_popular(struct key_pool *pool)
{
    const struct zipf zipf = zipf_of(pool->data.pairs, 0.99);
    uint64_t state = 0;

    for (size_t i = 0; i < pool->count; i++) {
        uint64_t rank = 0;
        while (!zipf_try(&zipf, (double)(next_random(&state) >> 11) * 0x1p-53, &rank))
            ;
        dataset_put_key(&pool->data, dataset_key(rank) % pool->data.pairs, place(pool, i));
    }
}

static int choose_neighbours(struct key_pool *pool, size_t run, struct bench_error *error)
{
    struct index_keys index;
    const int code = index_keys_open(&index, &pool->data, error);
    uint64_t state = 0;
    uint64_t number = 0;

    for (size_t i = 0; i < pool->count && code == BENCH_OK; i++, number++) {
        if (i % run == 0)
            number = next_random(&state);
        number %= index.info.pair_count;
        index_keys_get(&index, number, place(pool, i));
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
        choose_any(pool);
        break;
    case KEYS_ZIPF:
        choose_popular(pool);
        break;
    case KEYS_CLUSTERED:
        code = choose_neighbours(pool, KEYS_RUN, error);
        break;
    case KEYS_SEQUENTIAL:
        code = choose_neighbours(pool, pool->count, error);
        break;
    }
    return code;
}

const unsigned char *key_pool_at(const struct key_pool *pool, size_t number)
{
    return pool->keys + number * dataset_key_size(&pool->data);
}
