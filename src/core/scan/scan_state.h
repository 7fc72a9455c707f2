/* A scan in progress. */
#ifndef IKV_SCAN_STATE_H
#define IKV_SCAN_STATE_H

#include "core/format/leaf.h"
#include "core/io/reader.h"
#include "core/query/result.h"

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
    uint64_t seen; /* records */

    /* Key order: entries of some index pages, and the records of some of these entries. */
    bool has_to;
    uint64_t to[IKV_KEY_WORDS_MAX];
    unsigned char *pages;
    unsigned char *page_sums; /* of the loaded pages, if the store does not hold them */
    uint64_t pages_begin;     /* entries [pages_begin, pages_end) are loaded */
    uint64_t pages_end;
    uint64_t next_entry;        /* the first whose record was not fetched */
    struct ikv_result *fetched; /* items of the entries before it */
    size_t fetched_next;        /* the item to return next */
    size_t fetch_count;         /* entries to fetch at once, adapted to the values' sizes */

    /* A clustered store, in both orders; also has_to, to and value */
    unsigned char *leaves; /* [leaves_begin, leaves_end), of one extent */
    uint64_t leaves_begin;
    uint64_t leaves_end;
    struct ikv_leaf leaf; /* the current one */
    uint64_t leaf_offset; /* in the file */
    uint64_t next_leaf;
    uint32_t next_in_leaf;
    uint64_t item_position; /* of the last item's record */
    int item_code;          /* why it could not be read */
    unsigned char item_key[IKV_KEY_WIDTH_MAX];
};

/* Set the error that this call and all further ones return. Returns `code`. */
int ikv_scan_fail(struct ikv_scan *scan, int code, uint64_t offset, const char *what);

#endif
