/* A store whose pages are dropped from the page cache between batches, for the families mixed and
 * recovery. */
#ifndef BENCH_EVICTABLE_H
#define BENCH_EVICTABLE_H

#include "data/key_pool.h"
#include "data/residency.h"
#include "harness/subject.h"
#include "peers/peer.h"

#include <limits.h>
#include <stdint.h>

#define EVICTABLE_BATCH 1000

struct evictable {
    char path[PATH_MAX];
    struct peer *peer;
    struct subject *batches;
    struct residency residency;
};

/* Each uses its own copy of the data set, since pages are dropped per file. */
void evictable_init(struct evictable *evictable, const struct dataset *data, uint32_t copy,
                    ikv_backend backend, struct key_pool *pool);
/* Open the store and warm it. */
int evictable_open(struct evictable *evictable, struct bench_error *error);
/* Must be called after evictable_init, even if evictable_open failed. */
void evictable_close(struct evictable *evictable);

struct faults {
    uint64_t caller; /* major page faults of the calling thread */
    uint64_t all;    /* major page faults of the process */
};

/* Look up the next batch; adds its results to *total and *faults. `faults` may be NULL. */
int evictable_step(struct evictable *evictable, struct step *total, struct faults *faults,
                   struct bench_error *error);

#endif
