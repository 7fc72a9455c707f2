/* Stores whose lookups are counted, to compare the counts with the cost model. */
#ifndef TEST_MEASURED_H
#define TEST_MEASURED_H

#include "indexkv.h"

#include "probe_keys.h"
#include "rng.h"
#include "theory/theory.h"

#include <stddef.h>
#include <stdint.h>

/* Standard deviations that are allowed. */
#define DEVIATIONS 5.0

void assert_near(double actual, double expected, double tolerance, const char *what);

/* What a store is made of. */
struct measured_shape {
    ikv_key_type type;
    size_t count; /* fewer if the type has fewer keys; evenly spread with gaps if it is u64 */
    uint32_t value_size;
    uint32_t leaf_size; /* clustered; 0: arrival */
};

struct measured {
    struct measured_shape shape;
    probe_keys keys;
    ikv_store *store; /* NULL until measured_open */
    ikv_result *result;
    ikv_info info;
    uint64_t index_memory; /* limit */
    char *path;
};

void measured_write(void **state, rng_state *random, const struct measured_shape *shape,
                    struct measured *ret);
void measured_open(struct measured *m, uint64_t index_memory);
void measured_free(struct measured *m);

/* The index as the cost model sees it. */
struct theory_index measured_index(const struct measured *m, ikv_probe probe);

/* Look up `count` keys of the store, drawn independently at random. */
const ikv_stats *measured_lookup(struct measured *m, rng_state *random, size_t count,
                                 ikv_probe probe);

/* Compare the probes per batch, and on each level, with the prediction. */
void assert_probes(struct measured *m, rng_state *random, size_t batch, ikv_probe probe);

/* Compare pages and memory use of the open store with the prediction. */
void assert_memory(const struct measured *m);

#endif
