/* What theory predicts for a measured point. */
#ifndef BENCH_PREDICT_H
#define BENCH_PREDICT_H

#include "bench/measure.h"

struct bench_prediction {
    double probes_per_key;
    double reads_per_key; /* NaN: depends on which pages earlier lookups left in memory, or on
                             how many records are too long for leaves */
};

void bench_predict(const struct bench_subject *subject, const struct bench_setup *setup,
                   const struct bench_point *point, const struct bench_result *result,
                   struct bench_prediction *ret_prediction);

#endif
