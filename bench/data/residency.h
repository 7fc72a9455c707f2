/* Which pages of a file the page cache has, and making it drop some. */
#ifndef BENCH_RESIDENCY_H
#define BENCH_RESIDENCY_H

#include "harness/harness.h"

#include <stddef.h>
#include <stdint.h>

struct residency {
    int fd;
    uint64_t size; /* of the file */
};

/* What was opened, half opened or zeroed can be closed. */
int residency_open(struct residency *residency, const char *path, struct bench_error *error);
void residency_close(struct residency *residency);

/* Drop what lies in pieces of this size (a multiple of huge pages, so that pieces of the page cache
 * lie in one or the other): every `nth` of them, 1 being all. Mappings of this process let go of
 * the pages first, since what is mapped stays; they are as valid as before. */
#define RESIDENCY_PIECE ((size_t)4 << 20)
int residency_drop(const struct residency *residency, unsigned nth, struct bench_error *error);

/* The share of the file that the page cache has; less than 0: the kernel does not tell. */
double residency_share(const struct residency *residency);

#endif
