/*
 * A result: the answers of one batch, and the memory to find them. The way of a batch through it:
 *
 *   get_many.c   arguments checked, result reset
 *   batch.c      keys sorted, repeats folded into one; cut into shards
 *   run.h        each shard is run, here or by an engine's workers
 *   result.c     what came of the shards is put together
 */
#ifndef IKV_RESULT_H
#define IKV_RESULT_H

#include "core/base/dispatch.h"
#include "core/lookup/run.h"
#include "core/lookup/stats.h"

#include <pthread.h>

/* A batch's way through an engine; the engine's own, but for `done`. */
struct ikv_job {
    struct ikv_result *result;
    struct ikv_attachment *attachment;
    struct ikv_job *lane_next; /* batches of one store with shards that nobody has taken */
    struct ikv_job *prev;      /* all batches of the engine */
    struct ikv_job *next;
    unsigned next_run; /* the next to be taken */
    atomic_uint left;  /* not finished */

    /* How its end is made known. */
    ikv_done_fn done;
    void *user;
    ikv_completions *completions;
    struct ikv_result *next_completed;

    bool to_be_waited_for; /* submitted with neither, and not waited for yet */

    pthread_mutex_t lock; /* for the condition: */
    pthread_cond_t finished;
    atomic_bool busy; /* the engine has it */
};

struct ikv_result {
    /* Answers */
    struct ikv_scratch items; /* ikv_item */
    size_t count;
    struct ikv_stats stats;
    struct ikv_problem problem;
    struct ikv_scratch latency; /* as in ikv_run */
    uint32_t latency_rows;
    int fatal;              /* what kept the batch from being run to its end; 0: nothing */
    int code;               /* what the last call returned, */
    struct ikv_error error; /* and what it said, if that was not 0 */

    /* The batch at hand */
    struct ikv_batch batch;
    struct ikv_run **runs;
    unsigned run_count; /* shards of this batch; the first of those that are being run now is */
    unsigned run_first; /* this: before it are those that looked its keys up in memory */
    unsigned runs_made;
    uint32_t distinct;
    struct ikv_scratch entries; /* sorted keys: words, then place in the caller's array */
    struct ikv_scratch sorting; /* as large, or as large as hits */
    struct ikv_scratch places;  /* u32: places of the sorted keys, repeats side by side */
    struct ikv_scratch starts; /* u32: where distinct key i begins in places; one more at the end */
    struct ikv_scratch chunks;
    struct ikv_scratch hits;
    struct ikv_scratch status;
    struct ikv_scratch matched;

    /* When a mapping was last seen to be as long as its file was. */
    const struct ikv_map *looked_at;
    uint64_t looked; /* on ikv_platform_ticks */
    uint64_t ended;  /* when the last lookup of a single key ended */

    struct ikv_window window; /* for what runs on the caller's thread */
    struct ikv_job job;
};

/* result.c: void the answers, make room for `count`. */
int ikv_result_begin(struct ikv_result *result, size_t count);
/* Make `count` runs, beside those that there are in [0, run_first). -ENOMEM. */
int ikv_result_runs(struct ikv_result *result, unsigned count);
/* Put together what came of the runs. 0, or what was fatal. */
int ikv_result_collect(struct ikv_result *result);

/* batch.c: set what all ways of looking a batch up share. */
void ikv_batch_begin(struct ikv_result *result, struct ikv_store *store, const void *keys,
                     size_t count, const ikv_get_options *options);
/* The same for a batch of so many keys that its store has a mapping for; less often for one. */
void ikv_batch_look_at_map(struct ikv_result *result, size_t count);
/* Cut the caller's keys into shards to be looked up in memory. -ENOMEM. */
int ikv_batch_cut_resident(struct ikv_result *result, unsigned shards);
/* Sort and fold the keys that are not answered yet, so many. -ENOMEM. */
int ikv_batch_prepare(struct ikv_result *result, size_t pending);
/* Give back what a batch that was prepared had taken of its store. Once more does no harm. */
void ikv_batch_end(struct ikv_result *result);
/* Cut the sorted keys into `shards` runs. -ENOMEM. */
int ikv_batch_cut(struct ikv_result *result, unsigned shards);

/* get_many.c */
/* Whether options that are as long as they should be can be followed, for so many keys. */
int ikv_get_options_check(const ikv_get_options *options, size_t count, ikv_error *err);
/* Check the arguments of a lookup and prepare it. After success it is to be ended. */
int ikv_lookup_begin(struct ikv_store *store, const void *keys, size_t count,
                     const ikv_get_options *options, struct ikv_result *result, ikv_error *err);
/* A batch that began comes to its end; `code`: why it could not be run; 0: it was. Sets what the
 * caller is to be told. */
void ikv_lookup_end(struct ikv_result *result, int code);
/* Run a batch that began, here or by the store's engine, and wait for its end. */
void ikv_lookup_run(struct ikv_result *result);
/* Cut a batch that began into shards for so many workers. -ENOMEM. */
int ikv_lookup_cut(struct ikv_result *result, unsigned workers);
/* All shards are finished. If they looked keys up in memory, and could not answer all, cut the rest
 * into more shards, and return true: these are to be run, from run_first on. Otherwise the batch is
 * at its end; *ret_code: why it could not be gone on with. */
bool ikv_lookup_goes_on(struct ikv_result *result, unsigned workers, int *ret_code);

#endif
