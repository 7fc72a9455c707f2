/* Reads of records: sorted by position, merged, delivered; and the tails of long ones. */
#ifndef IKV_FETCH_RECORDS_H
#define IKV_FETCH_RECORDS_H

#include "core/lookup/run.h"

/* No hits are known yet. */
void ikv_records_begin(struct ikv_run *run);

/* Whether records should be planned before further pages. */
bool ikv_records_are_due(const struct ikv_run *run);
/* Plan one read, if there is one to plan. There must be a free slot. */
bool ikv_records_plan(struct ikv_run *run);
/* Read the record of a hit, and no other. There must be a free slot. */
void ikv_records_read_separately(struct ikv_run *run, uint32_t hit);
/* The read of a slot is finished. */
void ikv_records_complete(struct ikv_run *run, struct ikv_slot *slot);

/* The same for tails. Completing one returns whether the slot is in flight again. */
bool ikv_records_plan_tail(struct ikv_run *run);
bool ikv_records_complete_tail(struct ikv_run *run, struct ikv_slot *slot);

#endif
