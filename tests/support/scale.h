/*
 * How much work the tests do. At scale 1 they run in full, as in scripts/ci/full; the default is a
 * tenth of that, for everyday runs. The environment variable INDEXKV_TEST_SCALE sets another scale.
 *
 * Random work also shrinks under sanitizers, which make it several times slower, and by
 * INDEXKV_TEST_SHARE, which ctest sets for tests that it repeats on other backends.
 */
#ifndef TEST_SCALE_H
#define TEST_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of random work: `count` at scale 1, at least `min` at any scale. */
size_t test_scaled_min(size_t count, size_t min);
/* The same with a minimum of 1. */
size_t test_scaled(size_t count);

/*
 * Whether to run case `number` of a sweep over `count` cases. At scale 1 and above all are run,
 * below it an evenly spread sample: of any `count` consecutive numbers about `count` times the
 * scale, but about `min` at least. Case 0 is always run.
 *
 * Numbers may start anywhere. A sweep over combinations, say of faults and calls, that must not
 * miss a fault takes a sample of the calls for each, and starts each at another number.
 */
bool test_in_sample(uint64_t number, uint64_t count, uint64_t min);

/* 1 if this program runs under a sanitizer. */
int test_is_sanitized(void);

#endif
