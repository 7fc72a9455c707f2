/* The theory's figures for a point: beside what was measured. */
#ifndef BENCH_PREDICT_H
#define BENCH_PREDICT_H

#include "bench/visit.h"

struct bench_prediction {
    double probes_per_key;
    double reads_per_key; /* NaN: which pages are in memory depends on what was asked before */
};

void bench_predict(const struct bench_subject *subject, const struct bench_setup *setup,
                   const struct bench_point *point, const struct bench_result *result,
                   struct bench_prediction *ret_prediction);

#endif
