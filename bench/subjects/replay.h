/*
 * A subject: the same reads that lookups make (same file, offsets, lengths, order), by a loop that
 * does nothing else. When it is opened it makes the lookups once, and records their reads; then a
 * step makes the reads of a batch.
 */
#ifndef BENCH_REPLAY_H
#define BENCH_REPLAY_H

#include "subjects/lookups.h"

/* The reads of the batches of a cycle, which must not be 0, through the same backend; the page
 * cache has the file. */
struct subject *replay_new(const struct lookups_options *options);

#endif
