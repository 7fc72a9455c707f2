/*
 * The pipeline of `indexkv get`: read batches of keys, look them up, write the answers in the order
 * of the keys.
 *
 * Batches are in a ring buffer of slots. A thread of its own reads and parses keys and submits
 * them, the engine's workers look them up, and the calling thread formats and writes the answers:
 *
 *     slots    | write answers | look up | look up | read keys |
 *                ^ oldest                            ^ oldest + in_flight
 *
 * Few keys, and keys that are typed, are read by the calling thread, one batch after another.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "base/progress.h"
#include "input/key_reader.h"
#include "lookup/answers.h"
#include "lookup/fallback.h"
#include "table/table_batch.h"

#include <indexkv.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOKUP_BATCH_DEFAULT 32768
#define LOOKUP_BATCH_MAX     (UINT64_C(1) << 30)
/* Batches of up to this many keys are looked up by the calling thread. */
#define LOOKUP_INLINE_MAX 64
/* One batch whose answers are written, and two for the workers so that they do not wait for it. */
#define LOOKUP_IN_FLIGHT 3
/* And one that is read. */
#define LOOKUP_SLOTS (LOOKUP_IN_FLIGHT + 1)

struct lookup_options {
    enum missing_mode missing;
    bool report_missing; /* report missing keys, and exit with status 1 */
    enum output_format output_format;
    bool escape, nul; /* of the output in tsv */
    ikv_key_syntax key_syntax;
    ikv_get_options get; /* with IKV_GET_LATENCY, read latencies are collected */
    uint64_t batch;      /* keys per batch; 0: adapted to the size of values */
    bool one_thread;     /* besides the engine's */
};

struct lookup_slot {
    struct key_batch keys;
    struct table_batch batch;
    size_t limit;    /* the batch size when the keys were read */
    uint64_t offset; /* input offset after the keys */
};

struct lookup {
    struct lookup_options options;
    ikv_info info; /* of the first table */
    struct answers answers;
    struct fallback fallback; /* tables for keys that the first one lacks */
    struct key_reader *reader;
    struct progress *progress;
    struct lookup_slot slots[LOOKUP_SLOTS];
    unsigned oldest, in_flight; /* the slots in use, as a ring buffer */
    unsigned max_in_flight;
    size_t batch_size, batch_limit; /* keys per batch: current, maximum */
    uint64_t keys_done;
    uint64_t unavailable; /* keys of shards that are missing */
    bool stopped;         /* a batch failed as a whole; the remaining ones are canceled */
    int status;

    ikv_stats stats;       /* of all batches */
    ikv_latency *latency;  /* IKV_LEVELS_MAX levels, then records; NULL: not collected */
    uint64_t calls;        /* batches */
    double started, ended; /* time of the first submission and of the last completion */
    struct progress_waits waits;

    /* With a thread that reads keys, the mutex guards the slots in use, the sizes of batches, the
     * status, and these. */
    struct reading_thread {
        pthread_t thread;
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        bool ended; /* there are no more keys */
        bool stop;  /* no more keys are wanted */
        bool idle;  /* the answers to all keys read so far are written */
    } reading;
};

/* Keys are looked up in the tables, of which there is at least one, in this order until one has
 * them. Returns STATUS_DONE, or an exit status after reporting. Call lookup_free in either case. */
int lookup_init(struct lookup *lookup, const struct lookup_options *options,
                const struct table *tables, size_t count, struct output *output);

/* Run until the end of the keys or an output error. Returns the exit status. */
int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress);
void lookup_free(struct lookup *lookup);

/* ---------------------------------------------------------------- parts of lookup_run */

/* Whether neither a batch nor the output has failed. */
bool lookup_can_continue(const struct lookup *lookup);
void lookup_add_status(struct lookup *lookup, int status);
/* The slot after those in use. */
struct lookup_slot *lookup_next_slot(struct lookup *lookup);
/* Read keys into a slot. Returns as key_reader_next. */
int lookup_read_keys(struct lookup *lookup, struct lookup_slot *slot);
/* Start looking up the keys of a slot. */
void lookup_start_batch(struct lookup *lookup, struct lookup_slot *slot);
/* Wait for a batch and write its answers. Returns its exit status. */
int lookup_finish_batch(struct lookup *lookup, struct lookup_slot *slot);
void lookup_adapt_batch_size(struct lookup *lookup, struct lookup_slot *slot);

/* In reading_thread.c: run the pipeline with a thread that reads keys. False: the thread could not
 * be started, and nothing was done. */
bool lookup_run_threaded(struct lookup *lookup);

#endif
