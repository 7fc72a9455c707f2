/* Memory for tables accessed at random: aligned to cache lines and, if large enough and the system
 * has them, in huge pages. These cut the time of a random access to a third. */
#ifndef IKV_HUGE_H
#define IKV_HUGE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes allocated for a table of `size` bytes. */
uint64_t ikv_huge_size(uint64_t size);
/* NULL: out of memory. The content is undefined. */
void *ikv_huge_alloc(size_t size);
void ikv_huge_free(void *table); /* NULL is allowed */

#endif
