/* Ranks 1..n with a probability in proportion to rank^-exponent, by rejection-inversion (Hörmann
 * and Derflinger, 1996): no table, no sum over n. */
#ifndef BENCH_ZIPF_H
#define BENCH_ZIPF_H

#include <stdbool.h>
#include <stdint.h>

struct zipf {
    double exponent; /* > 0, not 1 */
    double ranks;
    double area_first; /* the integral's ends */
    double area_last;
    double margin; /* so near to a rank its own area is certain */
};

struct zipf zipf_of(uint64_t ranks, double exponent);

/* Take a random number of [0, 1). False: try another one. */
bool zipf_try(const struct zipf *zipf, double random, uint64_t *ret_rank);

#endif
