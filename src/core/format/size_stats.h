/* Statistics of value sizes: exact minimum, maximum and sum, and the 99th percentile, which is
 * exact below 4 KiB and rounded up by less than 1/32 above. */
#ifndef IKV_SIZE_STATS_H
#define IKV_SIZE_STATS_H

#include <stdint.h>

#define IKV_SIZE_EXACT   4096u
#define IKV_SIZE_BUCKETS (IKV_SIZE_EXACT + 20 * 32)

struct ikv_size_stats {
    uint64_t count;
    uint64_t sum;
    uint32_t min; /* meaningful if count > 0 */
    uint32_t max;
    uint64_t bucket[IKV_SIZE_BUCKETS];
};

void ikv_size_stats_add(struct ikv_size_stats *stats, uint32_t size);
uint32_t ikv_size_stats_p99(const struct ikv_size_stats *stats);

/* Greatest size that belongs to a bucket. */
uint32_t ikv_size_stats_bucket_last(unsigned bucket);

#endif
