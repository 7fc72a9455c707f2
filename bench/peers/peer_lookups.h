/* Subjects: lookups of a pool's keys in a peer, a batch a step, or one key at a time. Every answer
 * is checked, outside of the time that counts. */
#ifndef BENCH_PEER_LOOKUPS_H
#define BENCH_PEER_LOOKUPS_H

#include "data/key_pool.h"
#include "harness/subject.h"
#include "peers/peer.h"

#include <stddef.h>

/* A step is a batch. The file is in memory. */
struct subject *peer_batches_new(struct peer *peer, struct key_pool *pool, size_t batch);

/* A step is as many single lookups, each timed: reports get_p50_ns and get_p99_ns. */
struct subject *peer_singles_new(struct peer *peer, struct key_pool *pool, size_t count);

#endif
