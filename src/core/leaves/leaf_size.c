/*
 * For each leaf size, leaves are filled with values drawn from the distribution of sizes, and the
 * cost of a lookup is estimated. The cost model of a read is 1 plus its size / 64 KiB (a device
 * that does 20,000 reads and 1.3 GB per second). The cheapest size whose
 * padding is below an eighth is chosen; if no size has so little, padding adds to the cost.
 */
#include "core/leaves/leaf_size.h"

#include "core/format/leaf.h"

#define DRAWS         32768u
#define READ_BYTES    65536.0
#define PADDING_MAX   (1.0 / 8)
#define PADDING_COST  8.0
#define RECORD_EXTRA  (IKV_RECORD_HEADER_SIZE + 4u) /* size field and checksum */
#define POSITION_SIZE 8u

/* Sizes of values at evenly spaced ranks, ascending. */
struct sample {
    uint32_t size[256];
    uint32_t count;
};

static void take_sample(const struct ikv_size_stats *sizes, struct sample *sample)
{
    const uint32_t max = (uint32_t)(sizeof sample->size / sizeof sample->size[0]);
    uint64_t below = 0;

    sample->count = 0;
    for (unsigned bucket = 0; bucket < IKV_SIZE_BUCKETS && sample->count < max; bucket++) {
        below += sizes->bucket[bucket];
        /* Sample i is the value of rank (i + 1/2) / max. */
        while (sample->count < max &&
               below * 2 * max > sizes->count * (2 * (uint64_t)sample->count + 1)) {
            const uint32_t size = ikv_size_stats_bucket_last(bucket);
            sample->size[sample->count++] = size < sizes->max ? size : sizes->max;
        }
    }
}

struct cost {
    double lookup;
    double padding; /* share of a leaf */
};

/* Cost of leaves of this size. */
static struct cost cost_of(const struct ikv_key_info *key, uint32_t leaf_size,
                           const struct sample *sample)
{
    const uint32_t capacity = leaf_size - IKV_LEAF_FOOTER_SIZE;
    uint64_t state = 0x9e3779b97f4a7c15u;
    uint64_t leaves = 1;
    uint64_t filled = 0;
    uint32_t used = 0;
    double outside = 0;

    for (uint32_t i = 0; i < DRAWS; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
        const uint32_t size = sample->size[(state >> 33) % sample->count];
        const bool holds = ikv_leaf_holds(key, leaf_size, size);
        const uint32_t need = ikv_leaf_stride(key) + (holds ? RECORD_EXTRA + size : POSITION_SIZE);
        if (!holds)
            outside += 1 + size / READ_BYTES;
        if (need > capacity - used) {
            leaves++;
            used = 0;
        }
        used += need;
        filled += need;
    }
    const double padding = 1 - (double)filled / ((double)leaves * capacity);
    const double excess = padding > PADDING_MAX ? padding - PADDING_MAX : 0;
    return (struct cost){
        (1 + leaf_size / READ_BYTES + outside / DRAWS) * (1 + PADDING_COST * excess), padding};
}

static bool is_better(const struct cost *a, const struct cost *b)
{
    const bool a_is_full = a->padding < PADDING_MAX;
    const bool b_is_full = b->padding < PADDING_MAX;

    return a_is_full != b_is_full ? a_is_full : a->lookup < b->lookup;
}

uint32_t ikv_leaf_size_choose(const struct ikv_key_info *key, const struct ikv_size_stats *sizes)
{
    struct sample sample;
    uint32_t best = IKV_LEAF_SIZE_MIN;
    struct cost best_cost = {0, 0};

    if (sizes->count == 0)
        return best;
    take_sample(sizes, &sample);
    for (uint32_t size = IKV_LEAF_SIZE_MIN; size <= IKV_LEAF_SIZE_MAX; size *= 2) {
        const struct cost cost = cost_of(key, size, &sample);
        if (size == IKV_LEAF_SIZE_MIN || is_better(&cost, &best_cost)) {
            best = size;
            best_cost = cost;
        }
    }
    return best;
}
