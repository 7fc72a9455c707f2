/*
 * A run: one shard of a batch on its way. All that changes on this way is in here, and belongs to
 * the one thread that runs it. The driver (fetch.c) keeps a window of reads full with the reads of
 * one run or of several:
 *
 *   search.c     which page next? what does this page say?
 *   fetch*.c     reads planned, merged, submitted and reaped
 *   deliver.c    records verified, copied, put at every place where the caller asked for them
 */
#ifndef IKV_RUN_H
#define IKV_RUN_H

#include "core/base/arena.h"
#include "core/base/scratch.h"
#include "core/index/search.h"
#include "core/io/window.h"
#include "core/lookup/batch.h"
#include "mmap/faults.h"

#include <errno.h>

/* A hit's caller, if there are several. */
#define IKV_CALLERS UINT32_MAX

/* Status inside the library: not read, because value_budget was used up. */
#define IKV_DEFERRED 100

/* The first damage or read error that was met. */
struct ikv_problem {
    bool any;
    struct ikv_error first;
    int read_code; /* 0, or the code of the first failed read */
    struct ikv_error read_error;
};

/* A record of which only the beginning was read. */
struct ikv_tail {
    uint32_t hit_begin;
    uint32_t hit_end;
    unsigned char *record;
    uint32_t size;
    uint32_t have;
};

/* What is read by itself, because a read that it shared with others failed. */
struct ikv_alone {
    enum ikv_slot_use use; /* pages or records */
    uint32_t number;       /* of the chunk or the hit */
};

struct ikv_job;

struct ikv_run {
    struct ikv_batch *batch;
    struct ikv_job *job; /* that it is a shard of, in an engine */

    /* A shard of the caller's keys, to be looked up in memory (resident.h), */
    bool is_resident;
    uint32_t begin;
    uint32_t end;
    uint32_t pending; /* that it could not answer */
    uint64_t budget;  /* bytes of records that may be copied, before more is taken of the batch's */

    /* or of the sorted ones. */
    struct ikv_search search; /* its arrays are slices of the batch's */
    const uint32_t *starts;   /* where key i begins in batch->callers; one more at the end */
    uint64_t *sorting;        /* as large as two words a key */

    /* What came of it. Values lie in the arena. */
    struct ikv_arena arena;
    struct ikv_stats stats;
    struct ikv_problem problem;
    struct ikv_learned learned;
    struct ikv_scratch learning; /* its memory */
    struct ikv_scratch latency;  /* ikv_latency: row 0 of records, row 1 + n of level n */
    uint32_t latency_rows;
    int fatal; /* no memory, canceled, ...: only wait for what is in flight */

    /* The mapping, as far as it may be used: the batch's, or as a worker saw it when it began. */
    struct ikv_map *map;
    uint64_t present;
    struct ikv_faults faults;

    /* Reading */
    struct ikv_window *window;
    const struct ikv_io_file *file;
    struct ikv_run *next;      /* in the worker's ring of runs */
    unsigned in_flight;        /* slots */
    unsigned pages_in_flight;  /* those among them that read pages */
    uint32_t barrier_level;    /* with IKV_GET_BARRIER: the level that is being probed */
    uint32_t hits_sorted;      /* hits[0..hits_sorted) are in order, generation by generation */
    uint32_t hits_planned;     /* hits[0..hits_planned) are being read or done */
    uint32_t hits_early;       /* so many new hits are worth a generation while pages go on */
    bool is_fed;               /* the last page came from memory: it took no read */
    uint64_t fetched;          /* bytes of records that the batch was not told yet */
    uint32_t tails_unfinished; /* planned or waiting */
    struct ikv_scratch tails;
    uint32_t tail_count;
    uint32_t tail_next;
    struct ikv_scratch later; /* tails that wait for memory, if values are handed on */
    uint32_t later_count;
    uint32_t later_next;
    struct ikv_scratch alone;
    uint32_t alone_count;
    uint32_t alone_next;
};

/* With nowait: why a read was not made. */
static inline bool ikv_is_refused(int code)
{
    return code == -EAGAIN || code == -EOPNOTSUPP;
}

/* Memory goes with the run; a run that is all zero is allowed. */
void ikv_run_free(struct ikv_run *run);

/* Begin with reads through this window. The fields from batch to sorting are set. */
void ikv_run_begin(struct ikv_run *run, struct ikv_window *window);
/* Plan one read, or feed a page that is held in memory, if there is something to plan and the
 * window is not full. */
bool ikv_run_plan(struct ikv_run *run);
/* The reads of a slot are finished; it is in its run's window. */
void ikv_run_complete(struct ikv_slot *slot);
/* Nothing is in flight, and there is nothing to be planned. */
static inline bool ikv_run_is_done(const struct ikv_run *run)
{
    return run->in_flight == 0 &&
           (run->fatal ||
            (run->hits_planned == run->search.hit_count && run->tail_next == run->tail_count &&
             run->later_next == run->later_count && run->alone_next == run->alone_count &&
             ikv_search_peek(&run->search) == UINT64_MAX));
}
/* Keys without a record get their status. */
void ikv_run_finish(struct ikv_run *run);

/* All of it on the calling thread. */
void ikv_run_alone(struct ikv_run *run, struct ikv_window *window);

/* Check again whether and how far the mapping may be used: some time may have passed since the
 * batch did. */
static inline void ikv_run_check_map(struct ikv_run *run)
{
    run->map = ikv_map_usable(run->batch->map, &run->present);
}

/* The first damage, or read error, that is met. `key` (stored form) may be NULL. */
void ikv_problem_note(struct ikv_problem *problem, const struct ikv_store *store, int code,
                      uint64_t offset, const unsigned char *stored_key, const char *what);
/* Take over what another shard met. */
void ikv_problem_merge(struct ikv_problem *problem, const struct ikv_problem *other);

/* The name of what bytes came from, given what reads were carried out with; NULL: there were none.
 */
const char *ikv_backends_name(bool mapped, const char *reads);

static inline void ikv_run_note(struct ikv_run *run, int code, uint64_t offset,
                                const unsigned char *stored_key, const char *what)
{
    ikv_problem_note(&run->problem, run->batch->store, code, offset, stored_key, what);
}

static inline struct ikv_hit *ikv_run_hits(const struct ikv_run *run)
{
    return run->search.hits;
}

/* deliver.c */
/* `size` bytes of the file from the first hit's position on are at `bytes`. */
void ikv_deliver_records(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                         const unsigned char *bytes, size_t size);
/* The whole content of one record lies in the arena. */
void ikv_deliver_whole(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                       const unsigned char *record, uint32_t size);
/* Whether values are not kept, but handed on to the caller. */
static inline bool ikv_run_passes_on(const struct ikv_run *run)
{
    return run->batch->options.on_value || run->batch->options.values;
}
/* Whether the rest of a record of that size may be read now: values that are handed on are to take
 * little memory, but one at a time always goes. */
bool ikv_tail_fits(const struct ikv_run *run, uint32_t size);
/* Make the next record that waits for memory a tail to be planned, if it may be now. */
bool ikv_resume_later(struct ikv_run *run);
/* The key of a hit as it is stored; `room` may be used for it. */
const unsigned char *ikv_stored_key(const struct ikv_run *run, uint32_t key,
                                    unsigned char room[IKV_KEY_WIDTH_MAX]);
/* The answers to a distinct key. */
void ikv_deliver_item(struct ikv_run *run, uint32_t key, struct ikv_item item);

#endif
