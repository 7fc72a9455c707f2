/* A scan in progress. */
#ifndef IKV_SCAN_H
#define IKV_SCAN_H

#include "core/format/leaf.h"
#include "core/io/reader.h"
#include "core/query/result.h"

#define IKV_SCAN_PAGES ((size_t)64) /* index pages read at once */

struct ikv_scan {
    struct ikv_store *store;
    ikv_order order;
    uint64_t left; /* items until the limit */
    uint64_t memory;
    int code; /* 0, or what every further call returns */
    struct ikv_error error;
    struct ikv_stats stats;

    /* Storage order */
    struct ikv_reader reader;
    struct ikv_scratch value;
    uint64_t seen;

    /* Key order: entries of some pages, and the records of some of these entries. */
    bool has_to;
    uint64_t to[IKV_KEY_WORDS_MAX];
    unsigned char *pages;
    unsigned char *page_sums; /* of the pages that are loaded, if the store does not hold them */
    uint64_t pages_begin;     /* entries [pages_begin, pages_end) lie in `pages` */
    uint64_t pages_end;
    uint64_t next_entry;       /* the first whose record was not fetched */
    struct ikv_result *window; /* items of the records fetched */
    size_t window_next;
    size_t window_size; /* entries to fetch at once, adapted to the values' sizes */

    /* A clustered store, in both orders (and has_to, to, value). */
    unsigned char *leaves; /* [leaves_begin, leaves_end) of an extent */
    uint64_t leaves_begin;
    uint64_t leaves_end;
    struct ikv_leaf leaf; /* at hand */
    uint64_t leaf_offset; /* in the file */
    uint64_t next_leaf;
    uint32_t next_in_leaf;
    uint64_t item_position; /* of the last item's record */
    int item_code;          /* why it could not be read */
    unsigned char item_key[IKV_KEY_WIDTH_MAX];
};

/* Set the scan's lasting error. */
int ikv_scan_fail(struct ikv_scan *scan, int code, uint64_t offset, const char *what);

int ikv_scan_storage_open(struct ikv_scan *scan);
int ikv_scan_storage_next(struct ikv_scan *scan, ikv_item *ret_item);
int ikv_scan_leaves_open(struct ikv_scan *scan, const void *from, const void *to);
int ikv_scan_leaves_next(struct ikv_scan *scan, ikv_item *ret_item);
int ikv_scan_key_open(struct ikv_scan *scan, const void *from, const void *to);
int ikv_scan_key_next(struct ikv_scan *scan, ikv_item *ret_item);

/* Load the pages from `page` on, as many as there is room for, at most `count`; verify them.
 * scan_pages.c; sets pages_begin and pages_end. */
int ikv_scan_load_pages(struct ikv_scan *scan, uint64_t page, uint64_t count);
/* An entry that is loaded. */
const unsigned char *ikv_scan_entry(const struct ikv_scan *scan, uint64_t entry);
/* Number of the first entry whose key is not below `words`. */
int ikv_scan_lower_bound(struct ikv_scan *scan, const uint64_t *words, uint64_t *ret_entry);

#endif
