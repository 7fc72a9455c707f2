/* What benchmarks of many small batches share: a store on an engine, and batches of keys that are
 * chosen beforehand. */
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
#define SMALL_BATCHES    65536 /* then they come again */

struct small_batches {
    struct dataset data;
    bool cold; /* io_uring and O_DIRECT; otherwise pread, and the page cache has the file */
    char path[PATH_MAX];
    ikv_engine *engine;
    ikv_store *store;
    uint64_t *numbers; /* of pairs */
    uint64_t *keys;    /* that they have */
};

void small_batches_choose(struct small_batches *batches, const struct options *options, bool cold);
/* As a benchmark's set_up and tear_down; `batches` is the first member of what `user` points to,
 * which is freed. */
int small_batches_open(void *user, struct bench_error *error);
void small_batches_close(void *user);

/* The keys of a batch, and whether these are their answers; any number will do. */
const uint64_t *small_batches_keys(const struct small_batches *batches, uint64_t batch);
/* Sets the label, of `bytes` read since `start`; `last` says how. */
void small_batches_label(const struct small_batches *batches, struct bench_state *state,
                         const struct process_io *start, uint64_t bytes, const ikv_stats *last);
int small_batches_check(const struct small_batches *batches, uint64_t batch,
                        const ikv_result *result, struct bench_error *error);

#endif
