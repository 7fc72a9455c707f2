/* Values in storage order: the record area from beginning to end. */
#ifndef IKV_SCAN_STORAGE_H
#define IKV_SCAN_STORAGE_H

#include "core/scan/scan_state.h"

int ikv_scan_storage_open(struct ikv_scan *scan);
/* IKV_E_END: no more. */
int ikv_scan_storage_next(struct ikv_scan *scan, ikv_item *ret_item);

#endif
