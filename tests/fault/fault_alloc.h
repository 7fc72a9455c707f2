/*
 * Faults in allocations, by the linker's --wrap (see tests_writing.cmake): the Nth allocation of
 * the program fails, once or for good. All blocks are tracked, so that leaks and the most memory
 * held at once can be asked for in any build, not only under a sanitizer.
 *
 * Any thread's allocations are counted and refused.
 */
#ifndef IKV_TESTS_FAULT_ALLOC_H
#define IKV_TESTS_FAULT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_ALLOC_NONE UINT64_MAX

typedef struct fault_alloc_report {
    uint64_t calls;  /* allocations asked for */
    uint64_t failed; /* refused ones among them */
    size_t peak;     /* most bytes held at once, less what was held at the start */
} fault_alloc_report;

/* Count allocations from 0; refuse number `index`, and with for_good all that follow. */
void fault_alloc_start(uint64_t index, bool for_good);
/* Stop refusing. */
fault_alloc_report fault_alloc_stop(void);

/* Blocks held by the program's own code now. */
size_t fault_alloc_live(void);

#endif
