/*
 * A subject: the device's ceiling. Random O_DIRECT reads of 4 KiB of a data set's file, without any
 * other work. A step is a round of reads. Like a batch of lookups, a round starts and ends with
 * nothing in flight, so short rounds use the device less than long ones.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include "data/dataset.h"
#include "harness/subject.h"

#include <stdint.h>

struct raw_options {
    struct dataset data;
    unsigned depth; /* reads in flight in a ring; 0: pread, one after another */
    unsigned wait;  /* completions to wait for at a time; 0: 1 */
    uint64_t round; /* reads per step */
};

struct subject *raw_new(const struct raw_options *options);

#endif
