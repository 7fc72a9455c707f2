/*
 * How two sets of samples of a positive quantity compare: the ratio of the second to the first, and
 * the interval that it lies in with some confidence.
 *
 * The estimate is Hodges' and Lehmann's: the median of the ratios of every sample of the one to
 * every sample of the other. The interval is what a rank-sum test (Wilcoxon, Mann and Whitney) does
 * not reject: as many of those ratios are cut off at both ends as the test allows (Moses; M.
 * Hollander, D. A. Wolfe, "Nonparametric Statistical Methods", chapter 4). It assumes no
 * distribution, only that samples are independent and that the two sets differ by a factor.
 * Outliers move it little.
 */
#ifndef COMPARE_RATIO_H
#define COMPARE_RATIO_H

#include <stdbool.h>
#include <stddef.h>

#define RATIO_SAMPLES_MAX 1000

struct ratio {
    double estimate;
    double low, high;  /* 0 and infinity: so few samples can't tell */
    double confidence; /* of the interval: at least what was asked for, if it is not 0..infinity */
};

/* Samples are positive, 1 to RATIO_SAMPLES_MAX of each. False: no memory. */
bool ratio_of(const double *a, size_t a_count, const double *b, size_t b_count, double confidence,
              struct ratio *ret_ratio);

/* How many ratios are to be cut off at each end of all a_count * b_count for this confidence: the
 * interval is from the one numbered so, counted from 0, to its counterpart. -1: there are too few.
 */
long ratio_cut(size_t a_count, size_t b_count, double confidence, double *ret_reached);

#endif
