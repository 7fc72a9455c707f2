/*
 * Measures bursts: how long it takes until all of `depth` reads that were sent at once have come
 * back. That is what a batch of lookups pays per level of its search.
 *
 * The load's `threads`, `rate` and order are not used; the reads are random ones. With pread, the
 * reads of a burst follow each other. In the result, a latency is that of a burst.
 */
#ifndef BURST_READS_H
#define BURST_READS_H

#include "disk/reader.h"

/* 0 or -errno. IKV_E_UNSUPPORTED: built without io_uring. A signal ends it early, with 0; a burst
 * that it interrupts is not counted. At least one burst is measured. */
int burst_reads_measure(const struct disk_load *load, const struct disk_watch *watch,
                        struct disk_result *ret_result);

#endif
