/*
 * The work of `indexkv get`: batches of keys looked up in a store, the answers written in the order
 * of the keys.
 *
 * Up to LOOKUP_SLOTS batches are under way at a time, in a ring. The engine's workers look them up,
 * while this thread reads and submits the next one, or writes the answers to the oldest:
 *
 *     slots    | written, then read anew | looked up | looked up |
 *                ^ oldest, once its turn has come
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "base/progress.h"
#include "lookup/answers.h"
#include "text/key_reader.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOKUP_BATCH_DEFAULT 65536
#define LOOKUP_BATCH_MAX     (UINT64_C(1) << 30)
/* So few keys are looked up without handing them to a worker. */
#define LOOKUP_FEW 64
/* One in this thread's hands, and two with the workers so that these never wait for it. */
#define LOOKUP_SLOTS 3

struct lookup_options {
    enum missing_mode missing;
    bool name_missing; /* missing keys are reported and make the exit status 1 */
    enum output_format output_format;
    ikv_key_syntax key_syntax;
    ikv_get_options get; /* with IKV_GET_LATENCY the durations of reads are summed up */
    uint64_t batch;      /* 0: chosen, and kept small enough for the values to fit into memory */
};

/* A batch: being read, or under way. */
struct lookup_slot {
    struct key_batch keys;
    ikv_result *result;
    size_t limit;    /* the batch size when it was read */
    uint64_t offset; /* of the input behind it */
    bool submitted;  /* to be waited for; otherwise it has ended with `code` */
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
    unsigned oldest, under_way;     /* slots in use, as a ring */
    unsigned width;                 /* how many may be */
    size_t batch_size, batch_limit; /* keys: now, at most */
    uint64_t keys_done;
    bool stopped; /* a batch failed: the rest is dropped */
    int status;

    ikv_stats stats;       /* of all batches */
    ikv_latency *latency;  /* rows for IKV_LEVELS_MAX levels and one for records; NULL: not asked */
    uint64_t calls;        /* batches */
    double started, ended; /* when the first was begun, when the answers to the last were there */
};

/* Returns STATUS_DONE, or an exit status after reporting; lookup_free is allowed in any case. */
int lookup_init(struct lookup *lookup, const struct lookup_options *options, ikv_store *store,
                const ikv_info *info, const char *path, struct output *output);

/* Until the keys or the output end. Returns the exit status. */
int lookup_run(struct lookup *lookup, struct key_reader *reader, struct progress *progress);
void lookup_free(struct lookup *lookup);

#endif
