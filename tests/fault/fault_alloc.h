/*
 * Faults in allocations, injected by the linker's --wrap (see tests.cmake): the Nth allocation of
 * the program fails, or the Nth and all later ones. All blocks are tracked, so that tests find
 * leaks and peak memory in any build, not only with a sanitizer.
 *
 * Allocations of all threads are counted, and may fail.
 */
#ifndef IKV_TESTS_FAULT_ALLOC_H
#define IKV_TESTS_FAULT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_ALLOC_NONE UINT64_MAX

typedef struct fault_alloc_report {
    uint64_t calls;  /* allocations requested */
    uint64_t failed; /* of these, allocations made to fail */
    size_t peak;     /* maximum of bytes allocated, relative to the start */
} fault_alloc_report;

/* Counts allocations from 0 on. Number `index` fails, with for_good also all later ones. */
void fault_alloc_start(uint64_t index, bool for_good);
/* No allocation fails from here on. */
fault_alloc_report fault_alloc_stop(void);

/* Number of blocks that code linked with the wrappers has allocated and not freed. */
size_t fault_alloc_live(void);

#endif
