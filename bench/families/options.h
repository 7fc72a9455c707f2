/* The options of the program. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdint.h>

struct options {
    const char *data;    /* directory of the data sets */
    uint64_t pairs;      /* in the main data set */
    uint32_t key_size;   /* of the resident and single benchmarks: 8 or 16 */
    uint32_t value_size; /* likewise */
};

#endif
