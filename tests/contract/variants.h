/* The backends that the contract's suite runs on, by name: each in every shape it can take. */
#ifndef IKV_TESTS_VARIANTS_H
#define IKV_TESTS_VARIANTS_H

#include "core/io/io.h"

#include <stdbool.h>

struct variant {
    const char *name;
    struct ikv_io_backend backend;
    bool direct;
    unsigned patience; /* reads are that many times slower than usual: do fewer */
};

/* Sets *ret. False: there is no such variant in this build. */
bool variant_find(const char *name, struct variant *ret);

/* Ends the process with 77, "skipped", and the reason if this machine has no such backend. Returns
 * otherwise, with a line on what the backend has. */
void variant_require(const struct variant *variant);
/* The same for io_uring; returns at once in a build without it. */
void variant_require_uring(void);

#endif
