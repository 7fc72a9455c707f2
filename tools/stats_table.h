/* What lookups or a scan cost, as a table on standard error. */
#ifndef STATS_TABLE_H
#define STATS_TABLE_H

#include <indexkv.h>

/* `searching` and `elapsed` are seconds: in the library, and of the whole job. */
void stats_table_print(const ikv_stats *stats, uint64_t calls, double searching, double elapsed);

#endif
