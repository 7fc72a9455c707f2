/* Major page faults of a thread that touches the mapping: counted, and reported to the map. */
#ifndef IKV_FAULTS_H
#define IKV_FAULTS_H

#include "mmap/map.h"

/* All zero at first. */
struct ikv_faults {
    uint64_t began;   /* ikv_platform_ticks at ikv_faults_begin */
    uint64_t seen;    /* the thread's fault count when last read */
    uint64_t thread;  /* its ikv_thread_number; 0: the count was not read yet */
    uint64_t touches; /* by lookups of few keys, not reported yet */
};

/* Call before looking up `keys` keys in the mapping. */
void ikv_faults_begin(struct ikv_faults *faults, uint32_t keys);
/* Call afterwards, on the same thread, with the number of times that the mapping was touched.
 * Returns the major faults since begin if they were counted, or 0. Runs that a worker has in flight
 * at the same time count each other's faults. */
uint64_t ikv_faults_end(struct ikv_faults *faults, struct ikv_map *map, uint32_t keys,
                        uint64_t touches);

#endif
