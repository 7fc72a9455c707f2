/* Random numbers, Zipf's distribution, and a permutation that needs no table. */
#include "bench/draws.h"

#include <math.h>

static uint64_t mix(uint64_t word)
{
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

uint64_t random_next(struct random *random)
{
    return mix(random->state += UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t random_below(struct random *random, uint64_t below)
{
    /* Rejects the numbers above the largest multiple of `below`, which would cause a bias. */
    const uint64_t surplus = (UINT64_MAX % below + 1) % below;
    uint64_t number;

    do
        number = random_next(random);
    while (number > UINT64_MAX - surplus);
    return number % below;
}

double random_share(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

/* ---------------------------------------------------------------- Zipf */

/*
 * Rejection-inversion (W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from
 * monotone discrete distributions", ACM TOMACS 6, 1996): a number is drawn from the area under the
 * curve x^-theta by inverting its integral, rounded, and rejected where the curve is above the bar
 * of the rounded number. Needs no tables, and less than 1.1 tries on average.
 */

/* The integral of x^-theta from 1 to x, and its inverse. */
static double integral(double x, double theta)
{
    const double power = 1 - theta, logarithm = log(x);
    return fabs(power * logarithm) < 1e-8 ? logarithm : expm1(power * logarithm) / power;
}

static double integral_inverse(double area, double theta)
{
    const double power = 1 - theta;
    return exp(fabs(power * area) < 1e-8 ? area : log1p(power * area) / power);
}

void zipf_init(struct zipf *zipf, uint64_t count, double theta)
{
    *zipf = (struct zipf){.theta = theta, .count = (double)count};
    zipf->area_min = integral(1.5, theta) - 1;
    zipf->area_max = integral(zipf->count + 0.5, theta);
    zipf->shortcut = 2 - integral_inverse(integral(2.5, theta) - pow(2, -theta), theta);
}

uint64_t zipf_draw(const struct zipf *zipf, struct random *random)
{
    for (;;) {
        const double area =
            zipf->area_max + random_share(random) * (zipf->area_min - zipf->area_max);
        const double x = integral_inverse(area, zipf->theta);
        double number = floor(x + 0.5);

        number = number < 1 ? 1 : number > zipf->count ? zipf->count : number;
        if (number - x <= zipf->shortcut ||
            area >= integral(number + 0.5, zipf->theta) - pow(number, -zipf->theta))
            return (uint64_t)number;
    }
}

/* ---------------------------------------------------------------- permutation */

/* A Feistel network over the smallest even number of bits that holds count - 1, applied until the
 * result is below `count`: at most four times on average. */
uint64_t scatter(uint64_t number, uint64_t count, uint64_t seed)
{
    unsigned half = 1;

    while (2 * half < 64 && (count - 1) >> (2 * half) != 0)
        half++;
    const uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = number >> half, right = number & mask;
        for (uint64_t round = 1; round <= 4; round++) {
            const uint64_t next = left ^ (mix(right + mix(seed + round)) & mask);
            left = right;
            right = next;
        }
        number = left << half | right;
    } while (number >= count);
    return number;
}
