/* Parts of the query driver: see fetch.c. */
#ifndef IKV_FETCH_H
#define IKV_FETCH_H

#include "core/lookup/run.h"

/* Read by itself what shared a failed read: so one bad place of the disk fails nothing else. */
void ikv_read_alone(struct ikv_run *run, enum ikv_slot_use use, uint32_t number);
/* The reads of one page, or of one hit, that `ikv_read_alone` was told. */
void ikv_read_page_alone(struct ikv_run *run, uint32_t chunk);
void ikv_read_record_alone(struct ikv_run *run, uint32_t hit);

/* Plan one read, if there is something to read. There must be a free slot. */
bool ikv_plan_pages(struct ikv_run *run);
bool ikv_plan_records(struct ikv_run *run);
/* Whether records had better be planned before further pages. */
bool ikv_records_are_due(const struct ikv_run *run);
bool ikv_plan_tail(struct ikv_run *run);

/* No records are known yet. */
void ikv_records_begin(struct ikv_run *run);

/* The reads of a slot are finished. */
void ikv_complete_pages(struct ikv_run *run, struct ikv_slot *slot);
void ikv_complete_records(struct ikv_run *run, struct ikv_slot *slot);
/* Whether the slot is in flight again, with the next piece. */
bool ikv_complete_tail(struct ikv_run *run, struct ikv_slot *slot);

/* One of a slot's reads of the store's file: from the mapping, if all of it is in memory (or there
 * is no other way), else with the window's backend. Returns whether it is read from the mapping. */
bool ikv_read(struct ikv_run *run, struct ikv_slot *slot, struct ikv_slot_read *read, void *buffer,
              uint64_t offset, uint32_t size);

/* All reads of the slot are submitted: it is in flight. */
void ikv_launch(struct ikv_run *run, struct ikv_slot *slot);

#endif
