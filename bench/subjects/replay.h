/*
 * A subject: the reads of lookups (same file, offsets, lengths and order), without any other work.
 * Opening it makes the lookups once and traces their reads; a step then repeats the reads of a
 * batch.
 */
#ifndef BENCH_REPLAY_H
#define BENCH_REPLAY_H

#include "subjects/lookups.h"

/* Repeats the batches of a cycle through the same backend. options->cycle must not be 0, and the
 * file must be in the page cache. */
struct subject *replay_new(const struct lookups_options *options);

#endif
