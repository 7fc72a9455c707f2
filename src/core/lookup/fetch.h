/*
 * The query driver: keeps a window of reads in flight until the runs in it are done.
 *
 * Whenever a slot is free, a read is planned: a page or record that must be read separately, else
 * the tail of a long record, else pages that the search waits for, else records whose positions are
 * known. There is no barrier between levels, or between index and records: what a finished read
 * makes possible is planned at once. Records are read in generations: all positions known when no
 * page is left to plan, sorted, so that neighbours share a read; positions that become known later
 * make the next generation.
 *
 * Only ikv_fetch_run waits: the owner of a window may mix several runs in it.
 */
#ifndef IKV_FETCH_H
#define IKV_FETCH_H

#include "core/lookup/run.h"
#include "core/lookup/tails.h"

/* Begin a run with reads through this window. Its fields from batch to sort_buffer are set. */
void ikv_fetch_begin(struct ikv_run *run, struct ikv_window *window);
/* Plan one read, or feed a page that is held in memory. False: there is nothing to plan now, or the
 * window is full. */
bool ikv_fetch_plan(struct ikv_run *run);
/* The reads of a slot are finished. */
void ikv_fetch_complete(struct ikv_slot *slot);
/* Give keys without a record their items, and count. */
void ikv_fetch_finish(struct ikv_run *run);

/* Whether nothing is in flight and nothing is left to plan. */
static inline bool ikv_fetch_is_done(const struct ikv_run *run)
{
    return run->in_flight == 0 && (run->fatal || (run->hits_planned == run->search.hit_count &&
                                                  !ikv_tails_are_waiting(run) &&
                                                  run->separate_next == run->separate_count &&
                                                  ikv_search_peek(&run->search) == UINT64_MAX));
}

/* All of the above, on the calling thread. */
void ikv_fetch_run(struct ikv_run *run, struct ikv_window *window);

/* Whether a read failed only because it was not to wait (ikv_window.nowait). The run ends with this
 * code in `fatal` and has to be repeated. */
static inline bool ikv_fetch_would_wait(int code)
{
    return code == -EAGAIN || code == -EOPNOTSUPP;
}

#endif
