/*
 * A result: the answers of one batch, and the memory to find them.
 *
 *   query.h      life of a batch: begun, cut into shards, ended
 *   prepare.h    keys sorted, repeats folded; runs set up
 *   execute.h    executed by the calling thread or by the engine
 *   caller_window.h  reads by the calling thread
 *   result.h     outcomes of the runs collected
 */
#ifndef IKV_RESULT_H
#define IKV_RESULT_H

#include "core/lookup/run.h"
#include "pool/job.h"

struct ikv_result {
    /* Answers */
    struct ikv_scratch items; /* ikv_item */
    size_t count;
    struct ikv_stats stats;
    struct ikv_problem problem;
    struct ikv_scratch latency; /* as in ikv_run */
    uint32_t latency_rows;
    int fatal;              /* why the batch ended early; 0: it did not */
    int code;               /* what the last call returned */
    struct ikv_error error; /* its description, if `code` is not 0 */

    /* The current batch */
    struct ikv_batch batch;
    struct ikv_run **runs;
    unsigned runs_made; /* allocated */
    unsigned run_count; /* of this batch */
    unsigned run_first; /* runs[run_first, run_count) are executed now, or will be next; those
                           before have looked keys up in memory */
    uint32_t distinct;
    struct ikv_scratch entries;     /* sorted keys: words, then place in the caller's array */
    struct ikv_scratch sort_buffer; /* as large as entries, or as hits */
    struct ikv_scratch places;      /* u32: places of the sorted keys, equal keys side by side */
    struct ikv_scratch starts;      /* u32: first of each distinct key in places; and the end */
    struct ikv_scratch chunks;
    struct ikv_scratch hits;
    struct ikv_scratch status;
    struct ikv_scratch matched;
    struct ikv_scratch matched_here; /* see ikv_batch.matched */

    /* The last check of a mapping's size, see ikv_prepare_map. */
    const struct ikv_map *checked_map; /* NULL: it was not whole */
    uint64_t checked_at;               /* ikv_platform_ticks */
    uint64_t get_ended;                /* when the last ikv_get ended */

    struct ikv_window window; /* for runs on the calling thread, see caller_window.h */
    struct ikv_window ring;
    struct ikv_job job;
    bool must_wait; /* ikv_wait is to be called for the submitted batch */
};

/* Void the answers and make room for `count`. -ENOMEM */
int ikv_result_begin(struct ikv_result *result, size_t count);
/* Make `count` new runs after runs[0, run_first). -ENOMEM */
int ikv_result_add_runs(struct ikv_result *result, unsigned count);
/* Collect the outcomes of all runs. Returns 0, or why the batch ended early. */
int ikv_result_collect(struct ikv_result *result);

#endif
