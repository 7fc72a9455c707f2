/*
 * Compares two sets of samples of a positive quantity: the ratio of the second to the first, with a
 * confidence interval.
 *
 * The estimate is that of Hodges and Lehmann: the median of the ratios of every sample of b to
 * every sample of a. The interval consists of the ratios that a rank-sum test (Wilcoxon, Mann and
 * Whitney) does not reject: as many ratios are cut off at both ends as the test allows (Moses; M.
 * Hollander, D. A. Wolfe, "Nonparametric Statistical Methods", chapter 4). No distribution is
 * assumed, only that samples are independent and that the sets differ by a factor. Outliers have
 * little influence.
 */
#ifndef COMPARE_RATIO_H
#define COMPARE_RATIO_H

#include <stdbool.h>
#include <stddef.h>

#define RATIO_SAMPLES_MAX 1000

struct ratio {
    double estimate;
    double low, high;  /* 0 and infinity: too few samples */
    double confidence; /* of the interval, at least as requested; 0: too few samples */
};

/* Samples must be positive, 1 to RATIO_SAMPLES_MAX of each. False: out of memory. */
bool ratio_of(const double *a, size_t a_count, const double *b, size_t b_count, double confidence,
              struct ratio *ret_ratio);

/* The number of ratios to cut off at each end of the a_count * b_count sorted ratios. -1: too few
 * samples for this confidence. *ret_reached: the confidence reached. */
long ratio_cut(size_t a_count, size_t b_count, double confidence, double *ret_reached);

#endif
