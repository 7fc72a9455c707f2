/* Text about a ring: the features it has, and why it could not be created. */
#ifndef IKV_URING_EXPLAIN_H
#define IKV_URING_EXPLAIN_H

#include "core/io/io.h"

/* Write one line with the ring's features and, after "without", those refused and why. At most
 * `size` bytes, always terminated if size > 0. Returns `buf`. */
const char *ikv_uring_features(const struct ikv_io *io, char *buf, size_t size);

/* Whether this thread can create a ring now: 0 or -errno. `why` is the reason as one line, always
 * terminated if size > 0. */
int ikv_uring_probe(char *why, size_t size);

/* The same line for a code returned by create. */
const char *ikv_uring_explain(int code, char *why, size_t size);

#endif
