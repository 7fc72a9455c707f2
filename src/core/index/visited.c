#include "core/index/visited.h"

#include <stdlib.h>

_Atomic uint64_t *ikv_visited_new(uint64_t pages)
{
    const uint64_t words = ikv_visited_memory(pages) / sizeof(uint64_t);

    return words > SIZE_MAX / 16 ? NULL : calloc((size_t)words, sizeof(_Atomic uint64_t));
}
