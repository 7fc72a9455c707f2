#include "core/format/size_stats.h"

/* Each size below 4096 has a bucket; every power of two above is divided into 32 of equal width. */
static unsigned bucket_of(uint32_t size)
{
    if (size < IKV_SIZE_EXACT)
        return size;
    unsigned log = 31u - (unsigned)__builtin_clz(size);
    return IKV_SIZE_EXACT + (log - 12) * 32 + ((size >> (log - 5)) & 31);
}

uint32_t ikv_size_stats_bucket_last(unsigned bucket)
{
    if (bucket < IKV_SIZE_EXACT)
        return bucket;
    unsigned log = 12 + (bucket - IKV_SIZE_EXACT) / 32;
    uint64_t part = (bucket - IKV_SIZE_EXACT) % 32;
    return (uint32_t)((UINT64_C(1) << log) + ((part + 1) << (log - 5)) - 1);
}

void ikv_size_stats_add(struct ikv_size_stats *stats, uint32_t size)
{
    if (stats->count == 0 || size < stats->min)
        stats->min = size;
    if (stats->count == 0 || size > stats->max)
        stats->max = size;
    stats->count++;
    stats->sum += size;
    stats->bucket[bucket_of(size)]++;
}

uint32_t ikv_size_stats_p99(const struct ikv_size_stats *stats)
{
    uint64_t allowed_above = stats->count / 100;
    uint64_t above = 0;

    for (unsigned i = IKV_SIZE_BUCKETS; i-- > 0;) {
        above += stats->bucket[i];
        if (above > allowed_above) {
            uint32_t last = ikv_size_stats_bucket_last(i);
            return last < stats->max ? last : stats->max;
        }
    }
    return 0;
}
