/*
 * Scanning a clustered store. Key order and storage order are the same: leaves are read from
 * beginning to end, many at a time, and values returned from where they were read. Records outside
 * leaves are in the file in the same order and are read one by one.
 */
#ifndef IKV_SCAN_LEAVES_H
#define IKV_SCAN_LEAVES_H

#include "core/scan/scan_state.h"

/* `from` and `to` may be NULL. */
int ikv_scan_leaves_open(struct ikv_scan *scan, const void *from, const void *to);
/* IKV_E_END: no more. */
int ikv_scan_leaves_next(struct ikv_scan *scan, ikv_item *ret_item);

#endif
