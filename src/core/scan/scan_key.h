/*
 * Keys in order, each with its value. Index pages are read in order, many at once. Their records
 * may be anywhere, so those of many entries are fetched at once, sorted by position, neighbours
 * together: where records are in key order, too, this makes large sequential reads.
 */
#ifndef IKV_SCAN_KEY_H
#define IKV_SCAN_KEY_H

#include "core/scan/scan_state.h"

/* `from` and `to` may be NULL. */
int ikv_scan_key_open(struct ikv_scan *scan, const void *from, const void *to);
/* IKV_E_END: no more. */
int ikv_scan_key_next(struct ikv_scan *scan, ikv_item *ret_item);

#endif
