/*
 * A subject: what memory allows. For each key of a batch it touches the line of the index that has
 * its entry, and copies its value, in the mapping of the same store. The places are known before,
 * and are fetched ahead of their use, as far as is best on this machine, which is tried out.
 */
#ifndef BENCH_BOUND_H
#define BENCH_BOUND_H

#include "data/key_pool.h"
#include "harness/subject.h"

#include <stddef.h>

/* All keys of the pool are there. */
struct subject *bound_new(struct key_pool *pool, size_t batch);

#endif
