/*
 * Removing duplicates. Only the sort shows which records are duplicates, and by then they are in
 * the middle of the record area. A reader of the base format walks that area from front to back, so
 * they must be removed:
 *
 *   1. Walk the records, move each one down by the sizes of the dropped records before it, and
 *      note (position, sum of sizes so far, including this one) of each dropped record: the shifts.
 *   2. Read the index that was written, subtract from each position the shift of the last dropped
 *      record before it, and write the index again after the records.
 *
 * Data moves down only, so one file is both source and target. If the shifts do not fit into
 * memory, step 2 takes one pass over the index for each part of them that does.
 */
#ifndef IKV_COMPACT_H
#define IKV_COMPACT_H

#include "core/write/writer_state.h"

/* Remove the records in `dropped` from the record area and rewrite the index. */
int ikv_writer_compact(struct ikv_writer *writer);

#endif
