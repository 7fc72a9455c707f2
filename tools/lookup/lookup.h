/*
 * The pipeline of `indexkv get`: read batches of keys, look them up, write the answers in the order
 * of the keys.
 *
 * Up to LOOKUP_SLOTS batches are in flight, in a ring buffer of slots. The engine's workers look
 * them up, while this thread reads and submits the next batch or writes the oldest one's answers:
 *
 *     slots    | write answers, then read keys | lookup | lookup |
 *                ^ oldest
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "base/progress.h"
#include "input/key_reader.h"
#include "lookup/answers.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOKUP_BATCH_DEFAULT 65536
#define LOOKUP_BATCH_MAX     (UINT64_C(1) << 30)
/* Batches of up to this many keys are looked up by the calling thread. */
#define LOOKUP_INLINE_MAX 64
/* One batch for this thread, and two for the workers so that they do not wait for it. */
#define LOOKUP_SLOTS 3

struct lookup_options {
    enum missing_mode missing;
    bool report_missing; /* report missing keys, and exit with status 1 */
    enum output_format output_format;
    bool escape, nul; /* of the output in tsv */
    ikv_key_syntax key_syntax;
    ikv_get_options get; /* with IKV_GET_LATENCY, read latencies are collected */
    uint64_t batch;      /* keys per batch; 0: adapted to the size of values */
};

struct lookup_slot {
    struct key_batch keys;
    ikv_result *result;
    size_t limit;    /* the batch size when the keys were read */
    uint64_t offset; /* input offset after the keys */
    bool submitted;  /* ikv_wait returns the code; otherwise `code` is set already */
    int code;
    ikv_error error; /* if code is not 0 */
};

struct lookup {
    struct lookup_options options;
    ikv_store *store;
    ikv_info info;
    struct answers answers;
    struct key_reader *reader;
    struct progress *progress;
    struct lookup_slot slots[LOOKUP_SLOTS];
    unsigned oldest, in_flight; /* the slots in use, as a ring buffer */
    unsigned max_in_flight;
    size_t batch_size, batch_limit; /* keys per batch: current, maximum */
    uint64_t keys_done;
    bool stopped; /* a batch failed as a whole; the remaining ones are canceled */
    int status;

    ikv_stats stats;       /* of all batches */
    ikv_latency *latency;  /* IKV_LEVELS_MAX levels, then records; NULL: not collected */
    uint64_t calls;        /* batches */
    double started, ended; /* time of the first submission and of the last completion */
};

/* Returns STATUS_DONE, or an exit status after reporting. Call lookup_free in either case. */
int lookup_init(struct lookup *lookup, const struct lookup_options *options, ikv_store *store,
                const ikv_info *info, const char *path, struct output *output);

/* Run until the end of the keys or an output error. Returns the exit status. */
int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress);
void lookup_free(struct lookup *lookup);

#endif
