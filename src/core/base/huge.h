/* Tables that are touched at random: aligned to cache lines, and in huge pages where they are large
 * enough and the system has them. A random touch then takes a third of the time. */
#ifndef IKV_HUGE_H
#define IKV_HUGE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that a table of `size` bytes takes. */
uint64_t ikv_huge_size(uint64_t size);
/* NULL: no memory. The content is undefined. */
void *ikv_huge_alloc(size_t size);
void ikv_huge_free(void *table); /* NULL is allowed */

#endif
