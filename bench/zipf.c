#include "zipf.h"

#include <math.h>

/* x^-exponent, its integral from 1 to x, and the inverse of that. */

static double density(const struct zipf *zipf, double x)
{
    return exp(-zipf->exponent * log(x));
}

static double area(const struct zipf *zipf, double x)
{
    const double rest = 1 - zipf->exponent;

    return expm1(rest * log(x)) / rest;
}

static double area_inverse(const struct zipf *zipf, double a)
{
    const double rest = 1 - zipf->exponent;

    return exp(log1p(a * rest) / rest);
}

struct zipf zipf_of(uint64_t ranks, double exponent)
{
    struct zipf zipf = {.exponent = exponent, .ranks = (double)ranks};

    zipf.area_first = area(&zipf, 1.5) - 1;
    zipf.area_last = area(&zipf, zipf.ranks + 0.5);
    zipf.margin = 2 - area_inverse(&zipf, area(&zipf, 2.5) - density(&zipf, 2));
    return zipf;
}

bool zipf_try(const struct zipf *zipf, double random, uint64_t *ret_rank)
{
    const double a = zipf->area_last + random * (zipf->area_first - zipf->area_last);
    const double x = area_inverse(zipf, a);
    double rank = floor(x + 0.5);

    rank = fmin(fmax(rank, 1), zipf->ranks);
    *ret_rank = (uint64_t)rank;
    return rank - x <= zipf->margin || a >= area(zipf, rank + 0.5) - density(zipf, rank);
}
