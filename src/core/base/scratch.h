/* A buffer that grows on demand and shrinks only when freed. */
#ifndef IKV_SCRATCH_H
#define IKV_SCRATCH_H

#include <stddef.h>

struct ikv_scratch {
    void *bytes;
    size_t size;
};

/* At least `size` bytes; NULL: out of memory. The content is lost when the buffer grows. */
void *ikv_scratch_get(struct ikv_scratch *scratch, size_t size);
/* The same, but the first `used` bytes are kept, and out of memory all of them. */
void *ikv_scratch_keep(struct ikv_scratch *scratch, size_t used, size_t size);
void ikv_scratch_free(struct ikv_scratch *scratch);

#endif
