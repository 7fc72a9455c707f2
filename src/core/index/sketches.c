#include "core/index/sketches.h"

#include <errno.h>
#include <stdlib.h>

#define CACHE_LINE 64u

/* Entries counted, at most, on average. If they are spread evenly, one leaf in 200 has a bucket
 * with more than 15. */
#define COUNTED_MAX 96u

/* With so few entries a bucket seldom has more than the smaller window. */
#define ENTRIES_FEW 40u

uint64_t ikv_sketches_memory(uint64_t leaves)
{
    return leaves * sizeof(_Atomic uint64_t) + CACHE_LINE;
}

int ikv_sketches_new(uint64_t leaves, uint64_t entries, struct ikv_sketches *ret)
{
    const uint64_t step = entries / COUNTED_MAX + 1;

    *ret = (struct ikv_sketches){
        .step = (uint32_t)(step < IKV_SKETCH_STEP_MAX ? step : IKV_SKETCH_STEP_MAX),
        .window = entries <= ENTRIES_FEW ? IKV_SKETCH_WINDOW_MIN : IKV_SKETCH_WINDOW_MAX,
    };
    if (leaves > SIZE_MAX / 16)
        return -ENOMEM;
    /* Zeroed memory that is not touched takes no room. */
    ret->memory = calloc(1, (size_t)ikv_sketches_memory(leaves));
    if (!ret->memory)
        return -ENOMEM;
    unsigned char *memory = ret->memory;
    ret->leaves = (void *)(memory + (CACHE_LINE - (uintptr_t)memory % CACHE_LINE) % CACHE_LINE);
    return 0;
}

void ikv_sketches_free(struct ikv_sketches *sketches)
{
    free(sketches->memory);
    *sketches = (struct ikv_sketches){0};
}

bool ikv_sketch_claim(const struct ikv_sketches *sketches, uint64_t leaf)
{
    if (!sketches->leaves)
        return false;
    const uint64_t sketch = ikv_sketch_of(sketches, leaf);
    if (sketch == IKV_SKETCH_UNKNOWN)
        ikv_sketch_publish(sketches, leaf, IKV_SKETCH_VISITED);
    return sketch == IKV_SKETCH_VISITED;
}

void ikv_sketch_publish(const struct ikv_sketches *sketches, uint64_t leaf, uint64_t sketch)
{
    if (sketches->leaves)
        atomic_store_explicit(&sketches->leaves[leaf], sketch, memory_order_relaxed);
}

/* ---------------------------------------------------------------- making */

void ikv_sketch_begin(const struct ikv_sketches *sketches, uint32_t entries,
                      struct ikv_sketch_maker *maker)
{
    *maker = (struct ikv_sketch_maker){
        .step = sketches->step,
        .left = entries,
        .bits = (uint64_t)(entries % sketches->step) << 60,
        .has_sketch = entries >= sketches->window && entries >= sketches->step,
    };
}

void ikv_sketch_add(struct ikv_sketch_maker *maker, uint32_t share)
{
    const uint32_t shift = 4 * (uint32_t)((uint64_t)share * IKV_SKETCH_BUCKETS >> 32);

    if (maker->left-- % maker->step != 0)
        return;
    maker->has_sketch = maker->has_sketch && (maker->bits >> shift & 15) < 15;
    maker->bits += (uint64_t)1 << shift;
}

uint64_t ikv_sketch_end(const struct ikv_sketch_maker *maker)
{
    return maker->has_sketch ? maker->bits : IKV_SKETCH_NONE;
}
