/*
 * Log-linear histograms of durations: every power of two is divided into 8 buckets of equal width.
 *
 *     bucket   0 1 .. 7 | 8 .. 15 | 16 17 .. 23      | ...  319
 *     start    0 1 .. 7 | 8 .. 15 | 16 18 .. 30      |      15 * 2^38 = 4123 s
 *     width    1        | 1       | 2                |      unbounded
 *
 * A bucket's width is at most 1/8 of its start. The last bucket takes everything above its start.
 */
#include "indexkv.h"

#define PART_BITS 3 /* 8 buckets for each power of two */
#define PARTS     (1u << PART_BITS)

static uint32_t bucket_of(uint64_t nanoseconds)
{
    if (nanoseconds < PARTS)
        return (uint32_t)nanoseconds;
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(nanoseconds) - PART_BITS;
    /* nanoseconds >> shift is 8 to 15, so each power's buckets follow those of the power below. */
    uint32_t bucket = (shift << PART_BITS) + (uint32_t)(nanoseconds >> shift);
    return bucket < IKV_LATENCY_BUCKETS ? bucket : IKV_LATENCY_BUCKETS - 1;
}

/* The longest duration in a bucket. */
static uint64_t bucket_last(uint32_t bucket)
{
    if (bucket < PARTS)
        return bucket;
    if (bucket == IKV_LATENCY_BUCKETS - 1)
        return UINT64_MAX;
    uint32_t shift = (bucket >> PART_BITS) - 1;
    return ((uint64_t)(bucket - (shift << PART_BITS) + 1) << shift) - 1;
}

void ikv_latency_record(ikv_latency *latency, uint64_t nanoseconds)
{
    if (latency->count == 0 || nanoseconds < latency->min_ns)
        latency->min_ns = nanoseconds;
    if (nanoseconds > latency->max_ns)
        latency->max_ns = nanoseconds;
    latency->count++;
    latency->sum_ns += nanoseconds;
    latency->bucket[bucket_of(nanoseconds)]++;
}

void ikv_latency_add(ikv_latency *total, const ikv_latency *one)
{
    if (one->count == 0)
        return;
    if (total->count == 0 || one->min_ns < total->min_ns)
        total->min_ns = one->min_ns;
    if (one->max_ns > total->max_ns)
        total->max_ns = one->max_ns;
    total->count += one->count;
    total->sum_ns += one->sum_ns;
    for (uint32_t i = 0; i < IKV_LATENCY_BUCKETS; i++)
        total->bucket[i] += one->bucket[i];
}

/*
 * ceil(share * count), from 1 to count. A share like 0.07 and the product are both rounded to
 * doubles, and 0.07 * 100 = 7.000000000000001 must give 7. Both roundings add up to at most 2^-52
 * of the product, so the product is reduced by a little more than that first.
 */
static uint64_t nearest_rank(double share, uint64_t count)
{
    if (!(share > 0.0)) /* NaN as well */
        return 1;
    if (share >= 1.0)
        return count;
    double product = share * (double)count * (1.0 - 0x1p-51);
    if (product >= (double)count)
        return count;
    uint64_t rank = (uint64_t)product;
    if ((double)rank < product)
        rank++;
    return rank > 0 ? rank : 1;
}

/*
 * The nearest rank: in ascending order, duration number ceil(share * count). Only its bucket is
 * known, so the result is the longest duration of that bucket, limited to the recorded minimum and
 * maximum: never less than the true one, and less than 1/8 more. Shares below 0 and NaN count as 0,
 * the first duration; shares above 1 count as 1.
 */
uint64_t ikv_latency_percentile(const ikv_latency *latency, double share)
{
    uint64_t seen = 0;

    if (latency->count == 0)
        return 0;
    uint64_t rank = nearest_rank(share, latency->count);
    for (uint32_t i = 0; i < IKV_LATENCY_BUCKETS; i++) {
        seen += latency->bucket[i];
        if (seen < rank)
            continue;
        uint64_t last = bucket_last(i);
        if (last < latency->min_ns)
            return latency->min_ns;
        return last < latency->max_ns ? last : latency->max_ns;
    }
    return latency->max_ns; /* the buckets do not add up to `count`: not filled in by this file */
}
