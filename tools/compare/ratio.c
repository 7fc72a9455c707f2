#include "compare/ratio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Up to this many samples of both sets together, the exact distribution of ranks is computed. */
#define EXACT_MAX 60

/* ---------------------------------------------------------------- ranks */

/*
 * ways[u]: the share of the orderings of a + b samples in which u pairs have the larger sample on
 * a's side. The numbers of such orderings are the coefficients of the product of
 * (1 - x^(a + i)) / (1 - x^i) for i in 1..b.
 */
static void count_ways(size_t a, size_t b, double *ways)
{
    const size_t max = a * b;
    double sum = 0;

    memset(ways, 0, (max + 1) * sizeof *ways);
    ways[0] = 1;
    for (size_t i = 1; i <= b; i++) {
        for (size_t u = max; u >= a + i; u--)
            ways[u] -= ways[u - a - i];
        for (size_t u = i; u <= max; u++)
            ways[u] += ways[u - i];
    }
    for (size_t u = 0; u <= max; u++)
        sum += ways[u];
    for (size_t u = 0; u <= max; u++)
        ways[u] /= sum;
}

static long exact_cut(size_t a, size_t b, double confidence, double *ret_reached)
{
    double *ways = malloc((a * b + 1) * sizeof *ways);
    double below = 0;
    long cut = -1;

    *ret_reached = 0;
    if (ways == NULL)
        return -1;
    count_ways(a, b, ways);
    for (size_t u = 0; u < a * b / 2; u++) {
        below += ways[u];
        if (1 - 2 * below < confidence - 1e-12)
            break;
        cut = (long)u;
        *ret_reached = 1 - 2 * below;
    }
    free(ways);
    return cut;
}

/* The quantile of the standard normal distribution whose upper tail is `share`, by bisection. */
static double normal_quantile(double share)
{
    double low = 0, high = 40;

    for (int i = 0; i < 200; i++) {
        const double middle = (low + high) / 2;
        if (erfc(middle / sqrt(2)) / 2 > share)
            low = middle;
        else
            high = middle;
    }
    return low;
}

long ratio_cut(size_t a_count, size_t b_count, double confidence, double *ret_reached)
{
    if (a_count + b_count <= EXACT_MAX)
        return exact_cut(a_count, b_count, confidence, ret_reached);
    const double a = (double)a_count, b = (double)b_count;
    const double deviation = sqrt(a * b * (a + b + 1) / 12);
    const double cut = floor(a * b / 2 - 0.5 - normal_quantile((1 - confidence) / 2) * deviation);

    *ret_reached = cut < 0 ? 0 : confidence;
    return cut < 0 ? -1 : (long)cut;
}

/* ---------------------------------------------------------------- ratios */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool ratio_of(const double *a, size_t a_count, const double *b, size_t b_count, double confidence,
              struct ratio *ret_ratio)
{
    const size_t count = a_count * b_count;
    double *ratios = malloc(count * sizeof *ratios);
    double reached;

    if (ratios == NULL)
        return false;
    for (size_t i = 0; i < a_count; i++)
        for (size_t j = 0; j < b_count; j++)
            ratios[i * b_count + j] = b[j] / a[i];
    qsort(ratios, count, sizeof *ratios, by_size);
    *ret_ratio = (struct ratio){.estimate = sqrt(ratios[(count - 1) / 2] * ratios[count / 2]),
                                .high = INFINITY};
    const long cut = ratio_cut(a_count, b_count, confidence, &reached);
    if (cut >= 0) {
        ret_ratio->low = ratios[cut];
        ret_ratio->high = ratios[count - 1 - (size_t)cut];
        ret_ratio->confidence = reached;
    }
    free(ratios);
    return true;
}
