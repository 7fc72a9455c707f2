/*
 * The pipeline of `indexkv get`: read batches of keys, look them up, write the answers in the order
 * of the keys.
 *
 * Batches are in a ring buffer of slots. Threads take turns to read the lines of a batch; each
 * parses what it read, looks it up, and formats the answers in memory, while others do the same
 * with other batches. The calling thread writes the answers, one batch after another:
 *
 *     slots    | write | answered | look up | parse | read lines |
 *                ^ oldest                             ^ oldest + in_use
 *
 * Data in memory is looked up by these threads, in batches that stay in the processor's cache.
 * Batches that must be read are larger, and are looked up by the engine's workers.
 *
 * Few keys, and keys that are typed, are handled by the calling thread, one batch after another.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "base/progress.h"
#include "key_input/key_reader.h"
#include "lookup/answers.h"
#include "lookup/slot.h"

#include <indexkv.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOKUP_BATCH_DEFAULT 32768
#define LOOKUP_BATCH_MAX     (UINT64_C(1) << 30)
/* Floor, ceiling and ranges of large stores: keys are sorted, so more of them share a page. */
#define LOOKUP_BATCH_SORTED 131072
#define LOOKUP_LARGE_STORE  (UINT64_C(64) << 20)
/* Batches of data in memory. */
#define LOOKUP_BATCH_MEMORY 4096

#define LOOKUP_THREADS_MAX 16
/* One batch per thread, and one more than that, one whose answers are written, and one that waits
 * for that. */
#define LOOKUP_SLOTS_MAX (LOOKUP_THREADS_MAX + 3)

struct lookup_options {
    enum missing_mode missing;
    bool report_missing; /* report missing keys, and exit with status 1 */
    enum output_format output_format;
    bool escape, nul; /* of the output in tsv */
    ikv_key_syntax key_syntax;
    ikv_get_options get; /* with IKV_GET_LATENCY, read latencies are collected */
    uint64_t batch;      /* keys per batch; 0: adapted to the size of values */
    uint32_t threads;    /* that may be busy at once, besides the calling thread */
};

struct lookup {
    struct lookup_options options;
    ikv_info info;          /* of the first table */
    struct answers answers; /* written to the output */
    struct key_reader *reader;
    struct progress *progress;
    struct slot slots[LOOKUP_SLOTS_MAX];
    unsigned slot_count;
    unsigned oldest, in_use; /* the slots in use, as a ring buffer */
    unsigned max_in_use;
    size_t batch_size, batch_limit; /* keys per batch: current, maximum */
    bool in_memory;                 /* the last batch was */
    uint64_t keys_done;
    uint64_t unavailable; /* keys of shards that are missing */
    bool stopped;         /* a batch failed as a whole, or a bad line ended the job */
    int status;

    ikv_stats stats;       /* of all batches */
    ikv_latency *latency;  /* IKV_LEVELS_MAX levels, then records; NULL: not collected */
    uint64_t calls;        /* batches */
    double started, ended; /* time of the start of the first lookup and the end of the last one */
    struct progress_waits waits;

    /* The mutex guards the slots in use, the sizes of batches, the status, and these. */
    struct pipeline {
        pthread_t threads[LOOKUP_THREADS_MAX + 1];
        unsigned running; /* threads */
        unsigned active;  /* of these, with a batch whose lines were read */
        pthread_mutex_t mutex;
        pthread_cond_t changed; /* for the calling thread, and who waits for it */
        pthread_cond_t turn;    /* for one thread that may read lines */
        bool reading;           /* a thread is reading lines */
        bool ended;             /* there are no more lines */
        bool stop;              /* no more lines are wanted */
        bool idle;              /* the answers to all lines read so far are written */
    } pipeline;
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
/* Report problems and write the answers of a batch. Returns its exit status. */
int lookup_finish(struct lookup *lookup, struct slot *slot);
/* Adapt the size of batches to a finished one. */
void lookup_adapt(struct lookup *lookup, struct slot *slot);

/* In pipeline.c: run with threads. False: none could be started, and nothing was done. */
bool lookup_run_threaded(struct lookup *lookup);

#endif
