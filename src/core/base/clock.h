/* The monotonic clock. */
#ifndef IKV_CLOCK_H
#define IKV_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary point in time. */
uint64_t ikv_clock(void);

#endif
