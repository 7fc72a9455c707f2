/*
 * A backend that forwards requests to an inner backend and injects faults: it splits reads,
 * reorders completions, lets requests fail and refuses requests, at random from a seed.
 *
 * The plan is process-wide, since the contract's create has no argument for it.
 */
#ifndef IKV_TESTS_FAULTY_IO_H
#define IKV_TESTS_FAULTY_IO_H

#include "core/io/io.h"

#include <stdint.h>

typedef struct faulty_plan {
    const struct ikv_io_backend *inner;
    uint64_t seed;
    /* One in this many requests is affected; 0: none. */
    unsigned cut;      /* split the read into two or more */
    unsigned fail;     /* complete with `code`, and garbage in the buffer */
    unsigned refuse;   /* submit returns `code` */
    uint64_t fail_nth; /* besides, let request number fail_nth fail, counted from 1; 0: none */
    int code;
    unsigned hold; /* delay up to this many completions, to reorder them */
} faulty_plan;

typedef struct faulty_report {
    uint64_t submitted;
    uint64_t cut;
    uint64_t failed;
    uint64_t refused;
    uint64_t reordered;
} faulty_report;

/* Sets the plan for later calls of create, and clears the report. */
void faulty_io_set(const faulty_plan *plan);
faulty_report faulty_io_report(void);

extern const struct ikv_io_backend faulty_io;

#endif
