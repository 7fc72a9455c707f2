#include "core/index/leaf_counts.h"

#include <stdlib.h>

uint64_t ikv_leaf_counts_memory(uint64_t leaves)
{
    return leaves * sizeof(_Atomic uint16_t);
}

_Atomic uint16_t *ikv_leaf_counts_new(uint64_t leaves)
{
    return leaves > SIZE_MAX / 4 ? NULL : calloc((size_t)leaves, sizeof(_Atomic uint16_t));
}
