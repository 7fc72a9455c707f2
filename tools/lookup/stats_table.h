/* What lookups or a scan cost, as a table on standard error. */
#ifndef STATS_TABLE_H
#define STATS_TABLE_H

#include <indexkv.h>

struct stats_report {
    const ikv_stats *stats;
    /* How long reads took, by level, and behind IKV_LEVELS_MAX levels those of records. NULL: not
     * measured */
    const ikv_latency *latency;
    uint64_t calls;
    double searching; /* seconds in which the library was at work */
    double elapsed;   /* seconds of the whole job */
};

void stats_table_print(const struct stats_report *report);

#endif
