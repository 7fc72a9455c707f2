/*
 * A backend that passes requests on to another one and does to them what kernels and disks may do:
 * it cuts reads into pieces, hands finished requests out in another order, fails some of them, and
 * refuses some. What it does is drawn at random from a seed.
 *
 * Process-wide state by nature: the contract's create has no argument to carry it.
 */
#ifndef IKV_TESTS_FAULTY_IO_H
#define IKV_TESTS_FAULTY_IO_H

#include "core/io/io.h"

#include <stdint.h>

typedef struct faulty_plan {
    const struct ikv_io_backend *inner;
    uint64_t seed;
    /* One in so many; 0: none. */
    unsigned cut;      /* reads that are carried out in two pieces or more */
    unsigned fail;     /* requests that are finished with `code`, garbage in their buffers */
    unsigned refuse;   /* requests that submit does not take, with `code` */
    uint64_t fail_nth; /* besides: the request of this number, the first being 1; 0: none */
    int code;
    unsigned hold; /* finished requests held back at most, so that later ones overtake them */
} faulty_plan;

typedef struct faulty_report {
    uint64_t submitted;
    uint64_t cut;
    uint64_t failed;
    uint64_t refused;
    uint64_t reordered;
} faulty_report;

/* Use this plan from the next create on. What happened since is counted from 0. */
void faulty_io_set(const faulty_plan *plan);
faulty_report faulty_io_report(void);

extern const struct ikv_io_backend faulty_io;

#endif
