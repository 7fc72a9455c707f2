/* What the program was told. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdint.h>

struct options {
    const char *data;    /* directory of the data sets */
    uint64_t pairs;      /* in the main one */
    uint32_t key_size;   /* of resident and single: 8 or 16 */
    uint32_t value_size; /* of these, too */
};

#endif
