/* Write the items of a scan: what scan and export have in common. */
#ifndef SCAN_ITEMS_H
#define SCAN_ITEMS_H

#include "options/store_options.h"
#include "table/table.h"
#include "text/item_writer.h"

#include <indexkv.h>
#include <stdbool.h>

struct scan_request {
    const struct store_options *store;
    ikv_order order;
    const char *from, *to; /* bounds as text; NULL: none */
    uint64_t limit;
    bool limited;
    enum output_format output_format;
    bool escape, nul;
    bool stats;
};

/* Write the items of the scan of an open store. Returns the exit status. */
int scan_run(const struct scan_request *request, struct table *table, const char *path,
             struct output *output);

#endif
