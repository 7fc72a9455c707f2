/* Index pages of a scan: read in order, and verified. */
#ifndef IKV_SCAN_PAGES_H
#define IKV_SCAN_PAGES_H

#include "core/scan/scan_state.h"

#define IKV_SCAN_PAGES ((size_t)64) /* read at once, at most */

/* Load up to `count` pages, beginning with `page`, in place of those loaded before, and set
 * scan->pages_begin and pages_end. Loading ends before a damaged page; if that is the first,
 * IKV_E_INDEX. */
int ikv_scan_load_pages(struct ikv_scan *scan, uint64_t page, uint64_t count);
/* An entry that is loaded. */
const unsigned char *ikv_scan_entry(const struct ikv_scan *scan, uint64_t entry);
/* Find the first entry whose key is not below `words`. */
int ikv_scan_lower_bound(struct ikv_scan *scan, const uint64_t *words, uint64_t *ret_entry);

#endif
