/* Keys to look up, chosen in advance, so that all subjects look up the same keys and choosing them
 * is not measured. */
#ifndef BENCH_KEY_POOL_H
#define BENCH_KEY_POOL_H

#include "data/dataset.h"

#include <stddef.h>
#include <stdint.h>

enum key_choice {
    KEYS_UNIFORM,
    KEYS_ZIPF, /* the k-th most popular key in proportion to k^-0.99; popular keys are random */
    KEYS_CLUSTERED,  /* runs of KEYS_RUN consecutive keys, at random places */
    KEYS_SEQUENTIAL, /* in key order */
    KEYS_HALF_ABSENT /* like uniform, but half of the keys, at random, are absent */
};
#define KEYS_RUN 32

struct key_pool {
    struct dataset data;
    enum key_choice choice;
    size_t count;        /* a multiple of the batch size */
    unsigned char *keys; /* of dataset_key_size bytes each; NULL until opened */
    unsigned users;
};

/* A pool without keys. It is reference-counted: each user calls key_pool_acquire, and in the end
 * key_pool_release, which frees the pool of the last user. */
struct key_pool *key_pool_new(const struct dataset *data, enum key_choice choice, size_t batch);
struct key_pool *key_pool_acquire(struct key_pool *pool);
void key_pool_release(struct key_pool *pool);

/* Choose the keys, unless that was done before. */
int key_pool_open(struct key_pool *pool, struct bench_error *error);

/* The keys, starting with that of the given number. */
const unsigned char *key_pool_at(const struct key_pool *pool, size_t number);

#endif
