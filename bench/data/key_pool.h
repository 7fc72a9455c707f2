/* Keys to look up, chosen beforehand in one of several ways, so that all subjects get the same ones
 * and choosing costs them nothing. */
#ifndef BENCH_KEY_POOL_H
#define BENCH_KEY_POOL_H

#include "data/dataset.h"

#include <stddef.h>
#include <stdint.h>

enum key_choice {
    KEYS_UNIFORM,    /* any that is there */
    KEYS_ZIPF,       /* the k-th most popular one in proportion to k^-0.99; which is random */
    KEYS_CLUSTERED,  /* runs of KEYS_RUN neighbours in key order, anywhere */
    KEYS_SEQUENTIAL, /* one after another in key order */
    KEYS_HALF_ABSENT /* as uniform, but every other one, at random, is not there */
};
#define KEYS_RUN 32

struct key_pool {
    struct dataset data;
    enum key_choice choice;
    size_t count;        /* a multiple of a batch */
    unsigned char *keys; /* of dataset_key_size bytes, one behind another; NULL until opened */
    unsigned users;
};

/* A pool without keys. It belongs to its users: each who will open it calls key_pool_use, and once
 * key_pool_leave; with the last it goes. */
struct key_pool *key_pool_new(const struct dataset *data, enum key_choice choice, size_t batch);
struct key_pool *key_pool_use(struct key_pool *pool);
void key_pool_leave(struct key_pool *pool);

/* Choose the keys, unless that is done. */
int key_pool_open(struct key_pool *pool, struct bench_error *error);

/* The keys from one with a number on. */
const unsigned char *key_pool_at(const struct key_pool *pool, size_t number);

#endif
