/* Text about a ring: the features it has, and why it could not be created. */
#ifndef IKV_URING_EXPLAIN_H
#define IKV_URING_EXPLAIN_H

#include "core/io/io.h"

/* The features that the ring has, and after "without" those that it was refused and why, as one
 * line of at most `size` bytes, always terminated if size > 0. Returns `buf`. */
const char *ikv_uring_features(const struct ikv_io *io, char *buf, size_t size);

/* Whether this thread can have a ring now: 0 or -errno. On failure `why` says what is in the way in
 * one line, always terminated if size > 0. */
int ikv_uring_probe(char *why, size_t size);

/* The same line for a code that create returned. */
const char *ikv_uring_explain(int code, char *why, size_t size);

#endif
