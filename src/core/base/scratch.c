#include "core/base/scratch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *ikv_scratch_get(struct ikv_scratch *scratch, size_t size)
{
    if (scratch->size < size || !scratch->bytes) {
        /* A little more, so that slowly growing batches do not allocate each time. */
        size_t more = size < SIZE_MAX / 2 ? size + size / 4 + 64 : size;
        free(scratch->bytes);
        scratch->bytes = malloc(more);
        scratch->size = scratch->bytes ? more : 0;
    }
    return scratch->bytes;
}

void *ikv_scratch_keep(struct ikv_scratch *scratch, size_t used, size_t size)
{
    struct ikv_scratch larger = {NULL, 0};

    if (scratch->bytes && scratch->size >= size)
        return scratch->bytes;
    if (!ikv_scratch_get(&larger, 2 * size))
        return NULL;
    if (used && scratch->bytes)
        memcpy(larger.bytes, scratch->bytes, used);
    ikv_scratch_free(scratch);
    *scratch = larger;
    return scratch->bytes;
}

void ikv_scratch_free(struct ikv_scratch *scratch)
{
    free(scratch->bytes);
    *scratch = (struct ikv_scratch){NULL, 0};
}
