#include "core/index/leaf_counts.h"

#include "core/format/leaf.h"

#include <stdlib.h>

bool ikv_leaf_counts_derive(struct ikv_leaf_counts *ret, const struct ikv_geometry *leaves,
                            uint32_t size)
{
    const uint32_t first = ikv_leaf_capacity(&leaves->key, leaves->leaf_size, 0, size);
    const uint32_t inner = ikv_leaf_capacity(&leaves->key, leaves->leaf_size, 1, size);

    if (first == 0 || leaves->pages < 2)
        return false;
    const uint64_t full = leaves->pages - 2;
    if (full > leaves->count / inner || leaves->count - full * inner <= first ||
        leaves->count - full * inner - first > inner)
        return false;
    *ret = (struct ikv_leaf_counts){.inner = inner,
                                    .first = first,
                                    .last = (uint32_t)(leaves->count - full * inner - first),
                                    .last_leaf = leaves->pages - 1};
    return true;
}

uint64_t ikv_leaf_counts_memory(uint64_t leaves)
{
    return leaves * sizeof(_Atomic uint16_t);
}

void ikv_leaf_counts_new(struct ikv_leaf_counts *ret, uint64_t leaves)
{
    *ret = (struct ikv_leaf_counts){0};
    if (leaves <= SIZE_MAX / 4)
        ret->each = calloc((size_t)leaves, sizeof(_Atomic uint16_t));
}

void ikv_leaf_counts_free(struct ikv_leaf_counts *counts)
{
    free((void *)counts->each);
}
