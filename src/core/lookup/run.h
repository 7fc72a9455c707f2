/*
 * A run: a shard of a batch in execution. It holds all that changes meanwhile, and belongs to the
 * thread that executes it.
 *
 *   fetch.h           the driver: keeps a window full with the reads of one run or of several
 *   fetch_pages.h     reads of index pages, which are fed to the search
 *   fetch_records.h   reads of records
 *   read.h            a single read: from the mapping or through the window
 *   tails.h           records that are longer than their first read
 *   deliver.h         records verified, copied, handed to the caller
 */
#ifndef IKV_RUN_H
#define IKV_RUN_H

#include "core/base/arena.h"
#include "core/base/scratch.h"
#include "core/index/search.h"
#include "core/lookup/batch.h"
#include "core/lookup/problem.h"
#include "core/lookup/window.h"
#include "mmap/faults.h"

/* ikv_hit.place of a hit that several places of the caller's array asked for. */
#define IKV_MANY_PLACES UINT32_MAX

/* Internal status: not read, because it would exceed value_budget. */
#define IKV_DEFERRED 100

struct ikv_run {
    struct ikv_batch *batch;
    void *owner; /* of whoever schedules the run */

    /* Either a range of the caller's keys, looked up in memory (core/resident), */
    bool is_resident;
    uint32_t begin;
    uint32_t end;
    uint32_t pending;     /* keys that could not be answered in memory */
    uint64_t copy_budget; /* bytes that may be copied before reserving more from the batch's */

    /* or a range of the sorted keys. */
    struct ikv_search search; /* its arrays are slices of the result's */
    const uint32_t *starts;   /* key i is wanted at batch->places[starts[i]..starts[i + 1]) */
    uint64_t *sort_buffer;    /* two words a key */

    /* Outcome. Values are in the arena. */
    struct ikv_arena arena;
    struct ikv_stats stats;
    struct ikv_problem problem;
    struct ikv_learned learned;
    struct ikv_scratch learned_memory;
    struct ikv_scratch latency; /* ikv_latency: row 0 of records, row 1 + n of level n */
    uint32_t latency_rows;
    int fatal; /* why the run ends early (no memory, canceled, ...): reads in flight are waited for,
                  none are added */

    /* The batch's mapping, as last checked by the executing thread. */
    struct ikv_map *map;
    uint64_t usable_size;
    struct ikv_faults faults;

    /* Reads */
    struct ikv_window *window;
    const struct ikv_io_file *file;
    struct ikv_run *next;     /* in the worker's ring of runs */
    unsigned in_flight;       /* slots */
    unsigned pages_in_flight; /* slots among them that read pages */
    uint32_t barrier_level;   /* with IKV_GET_BARRIER: the level that is being probed */
    uint32_t prefetched;      /* chunks at the head of the queue whose pages were prefetched */
    bool last_page_was_held;  /* the last page planned came from the page cache, without a read */

    /* Hits are read in generations, each sorted by position:
     *     0 .. hits_planned .. hits_sorted .. search.hit_count */
    uint32_t hits_sorted;
    uint32_t hits_planned; /* read, or being read */
    uint32_t early_hits;   /* new hits that make a generation while pages are still held */
    uint64_t fetched;      /* bytes of records not yet counted in the batch's */

    uint32_t tails_unfinished; /* planned or waiting to be */
    struct ikv_scratch tails;  /* ikv_tail */
    uint32_t tail_count;
    uint32_t tail_next;
    struct ikv_scratch postponed; /* ikv_tail without memory, if values are not kept */
    uint32_t postponed_count;
    uint32_t postponed_next;
    struct ikv_scratch separate; /* ikv_separate_read */
    uint32_t separate_count;
    uint32_t separate_next;
};

/* Prepare for a new batch. Memory is kept. */
void ikv_run_reset(struct ikv_run *run, struct ikv_batch *batch);
/* Free the memory of a run, which may be all zero. */
void ikv_run_free(struct ikv_run *run);

/* Check again whether and how far the mapping may be used: some time may have passed since the
 * batch did. */
static inline void ikv_run_check_map(struct ikv_run *run)
{
    run->map = ikv_map_usable(run->batch->map, &run->usable_size);
}

static inline bool ikv_run_measures_latency(const struct ikv_run *run)
{
    return (run->batch->options.flags & IKV_GET_LATENCY) != 0;
}

/* Whether values are handed to the caller and not kept. */
static inline bool ikv_run_passes_on(const struct ikv_run *run)
{
    return run->batch->options.on_value || run->batch->options.values;
}

static inline struct ikv_hit *ikv_run_hits(const struct ikv_run *run)
{
    return run->search.hits;
}

/* Set ikv_hit.place of new hits, which are nearly in key order: once they are sorted by position,
 * finding it would cost a cache miss each. */
void ikv_run_set_places(const struct ikv_run *run, uint32_t begin, uint32_t end);

/* The stored form of a hit's key; `room` may be used for it. */
static inline const unsigned char *ikv_run_stored_key(const struct ikv_run *run, uint32_t key,
                                                      unsigned char room[IKV_KEY_WIDTH_MAX])
{
    const struct ikv_search *search = &run->search;

    if (search->match != IKV_EXACT)
        return search->matched + (size_t)key * search->index->key.width;
    ikv_key_store(&search->index->key, search->keys.entries + (size_t)key * search->keys.stride,
                  room);
    return room;
}

static inline void ikv_run_note(struct ikv_run *run, int code, uint64_t offset,
                                const unsigned char *stored_key, const char *what)
{
    ikv_problem_note(&run->problem, run->batch->store, code, offset, stored_key, what);
}

#endif
