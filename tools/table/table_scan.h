/* A scan over the stores of a table, one after another. */
#ifndef TABLE_SCAN_H
#define TABLE_SCAN_H

#include "table/table.h"

#include <indexkv.h>

struct table_scan {
    const struct table *table;
    ikv_scan_options options;
    unsigned char from[IKV_KEY_WIDTH_MAX], to[IKV_KEY_WIDTH_MAX];
    bool limited;
    size_t next;            /* store to open */
    ikv_scan *scan;         /* of the store before; NULL: none is open */
    const ikv_store *store; /* of the last item */
    const char *path;       /* likewise, for messages */
    ikv_stats stats;        /* of the scans that are closed */
};

/* As ikv_scan_open; shards that are missing are skipped. Close the scan in any case. */
int table_scan_open(struct table_scan *scan, const struct table *table,
                    const ikv_scan_options *options, ikv_error *error);
int table_scan_next(struct table_scan *scan, ikv_item *ret_item, ikv_error *error);
/* Adds up scan->stats. */
void table_scan_close(struct table_scan *scan);

#endif
