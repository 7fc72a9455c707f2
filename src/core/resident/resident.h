/*
 * Lookups in memory: what is done with a batch's keys before anything is read for them. Keys are
 * taken as the caller gave them, neither sorted nor folded, and looked up in the mapping of the
 * file where its pages are assumed to be resident. Keys that can't be answered this way (a page
 * that is not resident or is damaged, a record that is large, ...) are left to the search and the
 * reads, which decide about them. So nothing here waits or reports damage.
 */
#ifndef IKV_RESIDENT_H
#define IKV_RESIDENT_H

#include "core/lookup/run.h"

/* Internal status: not answered yet. */
#define IKV_PENDING 101

/* Whether a batch, whose fields are set, can be looked up in memory. */
bool ikv_resident_suits(const struct ikv_batch *batch);

/* Look up the caller's keys [run->begin, run->end). Each gets its item: found, missing, of another
 * size, or IKV_PENDING, of which run->pending is the number. May set run->fatal. */
void ikv_resident_run(struct ikv_run *run);
/* Count a run of a single key that was answered in `stats`, which are cleared. */
void ikv_resident_account(const struct ikv_run *run, struct ikv_stats *stats);

#endif
