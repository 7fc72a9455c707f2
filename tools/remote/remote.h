/*
 * Measures lookups in a store at a URL: rate and latency by the number of requests in flight. Keys
 * are drawn uniformly between the first and the last key of the store, and the next key at or above
 * each is looked up.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "base/progress.h"
#include "report/plot.h"
#include "report/report.h"

#include <indexkv.h>
#include <stddef.h>
#include <stdint.h>

struct remote_options {
    const ikv_open_options *open;
    const uint64_t *depths; /* requests in flight, each up to 4096 */
    size_t depth_count;
    const uint64_t *batches; /* keys per call; NULL: single keys, `depth` of them at a time, of
                                which none share a request */
    size_t batch_count;
    double seconds; /* per row and repetition */
    uint64_t repeat;
    uint64_t seed;
};

/* Adds a table to the report. STATUS_DONE, STATUS_INTERRUPTED (with what was measured so far), or
 * another status after reporting. */
int remote_measure(const char *url, const struct remote_options *options, struct report *report,
                   struct plots *plots, struct progress *progress);

#endif
