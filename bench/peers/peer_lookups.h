/* Subjects: lookups of a pool's keys in a peer, as batches or as single keys. Every answer is
 * checked, outside of the measured time. */
#ifndef BENCH_PEER_LOOKUPS_H
#define BENCH_PEER_LOOKUPS_H

#include "data/key_pool.h"
#include "harness/subject.h"
#include "peers/peer.h"

#include <stddef.h>

/* A step is a batch. */
struct subject *peer_batches_new(struct peer *peer, struct key_pool *pool, size_t batch);

/* A step is `count` single lookups, each of which is timed: reports get_p50_ns and get_p99_ns. */
struct subject *peer_singles_new(struct peer *peer, struct key_pool *pool, size_t count);

#endif
