/* splitmix64, a small random number generator: a seed gives the same test case on every machine. */
#ifndef TEST_RNG_H
#define TEST_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng_state {
    uint64_t state;
} rng_state;

uint64_t rng_next(rng_state *rng);
/* 0 to below - 1; `below` must not be 0. */
uint64_t rng_below(rng_state *rng, uint64_t below);
void rng_fill(rng_state *rng, void *bytes, size_t size);
/* Shuffles `count` elements of `width` bytes each. */
void rng_shuffle(rng_state *rng, void *elements, size_t count, size_t width);

#endif
