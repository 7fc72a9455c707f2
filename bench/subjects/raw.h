/*
 * A subject: the device's ceiling. Random reads of 4 KiB of a data set's file, bypassing the page
 * cache, by a loop that does nothing else. A step is a round of reads; as a batch of lookups does,
 * a round begins and ends with nothing in flight, so a short round has less of the device than a
 * long one.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include "data/dataset.h"
#include "harness/subject.h"

#include <stdint.h>

struct raw_options {
    struct dataset data;
    unsigned depth; /* reads in flight in a ring; 0: pread, one after another */
    unsigned wait;  /* completions that are waited for at a time; 0: 1 */
    uint64_t round; /* reads a step */
};

struct subject *raw_new(const struct raw_options *options);

#endif
