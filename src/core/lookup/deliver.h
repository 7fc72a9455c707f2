/* Records that were read: verified, copied, and handed to every place that asked for them. */
#ifndef IKV_DELIVER_H
#define IKV_DELIVER_H

#include "core/lookup/run.h"

/* Deliver the records of hits [hit_begin, hit_end): `size` bytes of the file from the first one's
 * position on are at `bytes`. Incomplete records become tails. */
void ikv_deliver_records(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                         const unsigned char *bytes, size_t size);
/* Deliver those hits from `hits_before` on whose records are in this leaf, and remove them from the
 * list of hits. */
void ikv_deliver_leaf(struct ikv_run *run, const struct ikv_page *page, uint32_t hits_before);
/* Deliver one record, whose whole content is in the arena. */
void ikv_deliver_whole(struct ikv_run *run, uint32_t hit_begin, uint32_t hit_end,
                       const unsigned char *record, uint32_t size);
/* Deliver an answer to all places of a distinct key. */
void ikv_deliver_item(struct ikv_run *run, uint32_t key, struct ikv_item item);

#endif
