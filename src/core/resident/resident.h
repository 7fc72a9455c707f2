/*
 * Looking keys up in memory: the way of a batch's keys before any is read for. Implemented in
 * src/mmap. The keys are taken as the caller gave them, neither sorted nor folded, and looked up
 * through the mapping of the file, as far as its pages are believed to be resident. What can't be
 * answered in this way, for whatever reason (a page that is not resident, a damaged one, a record
 * that is too large, ...), is left for the search and the reads that all other batches take, which
 * decide about it. So nothing here reports damage, and nothing waits.
 */
#ifndef IKV_RESIDENT_H
#define IKV_RESIDENT_H

#include "core/lookup/run.h"

/* Status inside the library: not answered yet. */
#define IKV_PENDING 101

/* Whether it is worth trying for a batch whose fields are set. */
bool ikv_resident_suits(const struct ikv_batch *batch);

/* Look up the keys run->begin to run->end. Each gets its item, with its status: found, missing, of
 * another size, or IKV_PENDING, which run->pending counts. May make run->fatal. */
void ikv_resident_run(struct ikv_run *run);
/* What it counted, of a batch of one key that it answered; `stats` are those of no lookup yet. */
void ikv_resident_account(const struct ikv_run *run, struct ikv_stats *stats);

#endif
