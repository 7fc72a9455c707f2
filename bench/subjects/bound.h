/*
 * A subject: an upper bound for lookups in memory. For each key of a batch, it reads the cache line
 * of the index entry and copies the value, from a mapping of the same store. The addresses are
 * known in advance and prefetched, at the distance that is fastest on this machine.
 */
#ifndef BENCH_BOUND_H
#define BENCH_BOUND_H

#include "data/key_pool.h"
#include "harness/subject.h"

#include <stddef.h>

/* All keys of the pool must be in the store. */
struct subject *bound_new(struct key_pool *pool, size_t batch);

#endif
