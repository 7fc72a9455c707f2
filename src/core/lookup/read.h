/* A single read of a run: from the mapping or through the window. */
#ifndef IKV_READ_H
#define IKV_READ_H

#include "core/lookup/run.h"

/* A read that is made separately, because one that it shared with others failed. */
struct ikv_separate_read {
    enum ikv_slot_use use; /* pages or records */
    uint32_t number;       /* of the chunk or the hit */
};

/* Read a range of the store's file for a slot: from the mapping if all of the range is resident (or
 * nothing else may be used), otherwise with the window's backend. Returns whether the mapping was
 * used. */
bool ikv_read(struct ikv_run *run, struct ikv_slot *slot, struct ikv_slot_read *read, void *buffer,
              uint64_t offset, uint32_t size);
/* All reads of the slot have been started: it is in flight. */
void ikv_read_launch(struct ikv_run *run, struct ikv_slot *slot);
/* Have a page or record read separately, so that one bad block fails nothing else. */
void ikv_read_separately(struct ikv_run *run, enum ikv_slot_use use, uint32_t number);

#endif
