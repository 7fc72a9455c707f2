/* Reads of index pages: planned, merged, and fed to the search. */
#ifndef IKV_FETCH_PAGES_H
#define IKV_FETCH_PAGES_H

#include "core/lookup/run.h"

/* Plan one read, or feed a page that is held in memory, if the search waits for a page. There must
 * be a free slot. */
bool ikv_pages_plan(struct ikv_run *run);
/* Read the page of a chunk, and no other. There must be a free slot. */
void ikv_pages_read_separately(struct ikv_run *run, uint32_t chunk);
/* The reads of a slot are finished. */
void ikv_pages_complete(struct ikv_run *run, struct ikv_slot *slot);

#endif
