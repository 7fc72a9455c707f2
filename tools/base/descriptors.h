/* The number of files that this process may have open. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <stdint.h>

/* Allow for this many, or as many as the system allows. */
void descriptors_allow(uint64_t count);

#endif
