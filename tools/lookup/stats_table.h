/* Print the statistics of lookups or a scan on standard error. */
#ifndef STATS_TABLE_H
#define STATS_TABLE_H

#include <indexkv.h>
#include <stdbool.h>

struct stats_report {
    const ikv_stats *stats;
    /* Read latencies of IKV_LEVELS_MAX levels, then of records. NULL: not collected. */
    const ikv_latency *latency;
    bool leaves;               /* the index that was read consists of leaves */
    const uint64_t *bad_lines; /* of the input that were skipped; NULL: no input */
    uint64_t calls;
    double search_seconds; /* from the first call until the last answer */
    double total_seconds;
};

void stats_table_print(const struct stats_report *report);

#endif
