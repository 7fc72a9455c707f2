/* Memory that grows and never shrinks by itself. */
#ifndef IKV_SCRATCH_H
#define IKV_SCRATCH_H

#include <stddef.h>

struct ikv_scratch {
    void *bytes;
    size_t size;
};

/* NULL: no memory. The content is lost when it grows. */
void *ikv_scratch_get(struct ikv_scratch *scratch, size_t size);
/* The same, but its first `used` bytes are kept; if there is no memory, all of it is. */
void *ikv_scratch_keep(struct ikv_scratch *scratch, size_t used, size_t size);
void ikv_scratch_free(struct ikv_scratch *scratch);

#endif
