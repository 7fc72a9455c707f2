/* Counts the pages of a file in the page cache, and drops some of them. */
#ifndef BENCH_RESIDENCY_H
#define BENCH_RESIDENCY_H

#include "harness/harness.h"

#include <stddef.h>
#include <stdint.h>

struct residency {
    int fd;
    uint64_t size; /* of the file */
};

/* residency_close may be called after a failed open, too, or if *residency is zeroed. */
int residency_open(struct residency *residency, const char *path, struct bench_error *error);
void residency_close(struct residency *residency);

/* Drop every `nth` piece of this size; 1: the whole file. Pieces are multiples of huge pages, so
 * that no folio of the page cache extends over two of them. The pages are first removed from this
 * process' page tables, since mapped pages cannot be dropped; its mappings stay valid. */
#define RESIDENCY_PIECE ((size_t)4 << 20)
int residency_drop(const struct residency *residency, unsigned nth, struct bench_error *error);

/* The share of the file in the page cache; below 0: the kernel does not report it. */
double residency_share(const struct residency *residency);

#endif
