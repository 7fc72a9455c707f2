/* A store whose pages are dropped between batches: what the families mixed and recovery share. */
#ifndef BENCH_DROPPING_H
#define BENCH_DROPPING_H

#include "data/key_pool.h"
#include "data/residency.h"
#include "harness/subject.h"
#include "peers/peer.h"

#include <limits.h>
#include <stdint.h>

#define DROPPING_BATCH 1000

struct dropping {
    char path[PATH_MAX];
    struct peer *peer;
    struct subject *batches;
    struct residency residency;
};

/* A copy of the data set for each that drops pages. */
void dropping_choose(struct dropping *dropping, const struct dataset *data, uint32_t copy,
                     ikv_backend backend, struct key_pool *pool);
/* Warm, and nothing dropped yet. */
int dropping_open(struct dropping *dropping, struct bench_error *error);
/* Chosen, opened or half opened. */
void dropping_close(struct dropping *dropping);

struct faults {
    uint64_t caller; /* major page faults of the calling thread */
    uint64_t all;    /* of the process */
};

/* The next batch; adds what it did. `faults` may be NULL. */
int dropping_step(struct dropping *dropping, struct step *total, struct faults *faults,
                  struct bench_error *error);

#endif
