/* A store on an engine, and small batches of keys chosen in advance, for benchmarks of many small
 * batches. */
#ifndef BENCH_SMALL_BATCHES_H
#define BENCH_SMALL_BATCHES_H

#include "data/dataset.h"
#include "disk/process_io.h"
#include "families/options.h"
#include "harness/harness.h"

#include <indexkv.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define SMALL_BATCH_KEYS 16
#define SMALL_BATCHES    65536 /* then they repeat */

struct small_batches {
    struct dataset data;
    bool cold; /* io_uring and O_DIRECT; otherwise pread, with the file in the page cache */
    char path[PATH_MAX];
    ikv_engine *engine;
    ikv_store *store;
    uint64_t *numbers; /* of the pairs */
    uint64_t *keys;    /* of the pairs */
};

void small_batches_init(struct small_batches *batches, const struct options *options, bool cold);
/* For set_up and tear_down of a benchmark: `user` points to a structure whose first member is a
 * struct small_batches, and which small_batches_close frees. */
int small_batches_open(void *user, struct bench_error *error);
void small_batches_close(void *user);

/* The keys of a batch; batches repeat after SMALL_BATCHES. */
const uint64_t *small_batches_keys(const struct small_batches *batches, uint64_t batch);
/* Sets the label for `bytes` read since `start`; `last` has the statistics of the last call. */
void small_batches_label(const struct small_batches *batches, struct bench_state *state,
                         const struct process_io *start, uint64_t bytes, const ikv_stats *last);
/* Checks the answers to a batch. */
int small_batches_check(const struct small_batches *batches, uint64_t batch,
                        const ikv_result *result, struct bench_error *error);

#endif
