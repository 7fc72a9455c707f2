/*
 * Traces the reads of the library: offset, length and order. The linker option --wrap redirects the
 * library's calls of pread and of liburing's submit functions to this module.
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stddef.h>
#include <stdint.h>

struct traced_read {
    uint64_t offset;
    uint32_t length;
};

struct read_trace {
    struct traced_read *reads; /* for free() */
    size_t count;
    size_t capacity;
    int code; /* -ENOMEM: incomplete */
};

/* Add the reads of all threads to `trace`, until read_trace_stop. */
void read_trace_start(struct read_trace *trace);
void read_trace_stop(void);

#endif
