#include "table/table_scan.h"

#include <string.h>

/* Open the scan of the next store that has keys between the bounds. IKV_E_END: there is none. */
static int open_next(struct table_scan *scan, ikv_error *error)
{
    const struct table *table = scan->table;
    const ikv_key_type type = table->info.key_type;
    for (; scan->next < table->count; scan->next++) {
        const struct table_store *store = &table->stores[scan->next];
        if (store->store == NULL)
            continue;
        const struct ikv_shard *shard =
            table->manifest == NULL ? NULL : &table->manifest->shards[scan->next];
        if (shard != NULL && scan->options.from != NULL &&
            ikv_key_compare(type, shard->last, scan->options.from) < 0)
            continue;
        if (shard != NULL && scan->options.to != NULL &&
            ikv_key_compare(type, shard->first, scan->options.to) > 0)
            break;
        scan->next++;
        scan->store = store->store;
        scan->path = store->path;
        return ikv_scan_open(store->store, &scan->options, &scan->scan, error);
    }
    return IKV_E_END;
}

static void close_current(struct table_scan *scan)
{
    if (scan->scan != NULL)
        ikv_stats_add(&scan->stats, ikv_scan_stats(scan->scan));
    ikv_scan_close(scan->scan);
    scan->scan = NULL;
}

int table_scan_open(struct table_scan *scan, const struct table *table,
                    const ikv_scan_options *options, ikv_error *error)
{
    const ikv_scan_options defaults = IKV_SCAN_OPTIONS_INIT;
    *scan = (struct table_scan){.table = table, .path = table->whole.path};
    scan->options = options == NULL ? defaults : *options;
    scan->limited = scan->options.limit != 0;
    if (scan->options.from != NULL)
        scan->options.from = memcpy(scan->from, scan->options.from, table->info.key_width);
    if (scan->options.to != NULL)
        scan->options.to = memcpy(scan->to, scan->options.to, table->info.key_width);
    const int code = open_next(scan, error);
    return code == IKV_E_END ? 0 : code;
}

int table_scan_next(struct table_scan *scan, ikv_item *ret_item, ikv_error *error)
{
    while (scan->scan != NULL) {
        int code = ikv_scan_next(scan->scan, ret_item, error);
        if (code == 0 && scan->limited)
            scan->options.limit--;
        if (code != IKV_E_END)
            return code;
        close_current(scan);
        if (scan->limited && scan->options.limit == 0)
            break; /* to the library 0 means no limit */
        code = open_next(scan, error);
        if (code < 0 && code != IKV_E_END)
            return code;
    }
    return IKV_E_END;
}

void table_scan_close(struct table_scan *scan)
{
    close_current(scan);
}
