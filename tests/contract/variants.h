/* Variants of the backends that the contract's suite runs on, by name. */
#ifndef IKV_TESTS_VARIANTS_H
#define IKV_TESTS_VARIANTS_H

#include "core/io/io.h"

#include <stdbool.h>

struct variant {
    const char *name;
    struct ikv_io_backend backend;
    bool direct;
    bool is_remote;    /* it reads from a source, not from descriptors */
    unsigned slowdown; /* reads take this many times as long: do fewer */
};

/* Returns false if this build has no such variant. */
bool variant_find(const char *name, struct variant *ret);

/* Exits with 77, "skipped", and the reason if this machine does not support the variant. Otherwise
 * prints its features. */
void variant_require(const struct variant *variant);
/* The same for variant "uring". Does nothing in a build without io_uring. */
void variant_require_uring(void);

#endif
