/* Ratios of samples, compared with published tables of the rank-sum test and exact counts, and how
 * often the confidence interval contains the true ratio. */
#include "compare/ratio.h"

#include "rng.h"
#include "scale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Published critical values: the largest U that the two-sided test rejects at 5%, -1 if none. */
static void critical_values_match_tables(void **state)
{
    static const struct {
        size_t a, b;
        long cut;
    } table[] = {
        {3, 3, -1}, {4, 4, 0},  {5, 5, 2},    {5, 4, 1},     {6, 6, 5},    {7, 5, 5},
        {8, 8, 13}, {9, 6, 10}, {10, 10, 23}, {20, 20, 127}, {15, 10, 39}, {1, 30, -1},
    };
    double reached;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        assert_int_equal(ratio_cut(table[i].a, table[i].b, 0.95, &reached), table[i].cut);
        assert_int_equal(ratio_cut(table[i].b, table[i].a, 0.95, &reached), table[i].cut);
        assert_true(table[i].cut < 0 ? reached == 0 : reached >= 0.95);
    }
    /* Five against five: 2 * 4 of 252 orders have U up to 2. */
    assert_int_equal(ratio_cut(5, 5, 0.95, &reached), 2);
    assert_true(fabs(reached - (1 - 2 * 4.0 / 252)) < 1e-12);
}

/* The change from exact counts to the normal distribution makes no jump. */
static void many_samples(void **state)
{
    double reached;
    const long exact = ratio_cut(30, 30, 0.95, &reached);
    const long normal = ratio_cut(30, 31, 0.95, &reached);

    (void)state;
    assert_int_equal(exact, 317); /* tables */
    assert_in_range(normal, exact, exact + 20);
    assert_true(ratio_cut(1000, 1000, 0.95, &reached) > 0);
}

static void known_ratios(void **state)
{
    const double a[] = {10, 11, 12, 13, 14}, twice[] = {28, 20, 24, 26, 22};
    const double wild[] = {10, 11, 12, 13, 1e9};
    struct ratio ratio;

    (void)state;
    assert_true(ratio_of(a, 5, twice, 5, 0.95, &ratio));
    assert_true(fabs(ratio.estimate - 2) < 1e-12);
    /* 25 ratios without the two smallest, 20/14 and 20/13, and the two greatest, 28/10 and 26/10.
     */
    assert_true(fabs(ratio.low - 22.0 / 14) < 1e-12 && fabs(ratio.high - 28.0 / 11) < 1e-12);
    assert_true(ratio_of(twice, 5, a, 5, 0.95, &ratio));
    assert_true(fabs(ratio.estimate - 0.5) < 1e-12);
    /* One outlier of five does not matter much. */
    assert_true(ratio_of(a, 5, wild, 5, 0.95, &ratio));
    assert_true(ratio.estimate > 0.9 && ratio.estimate < 1.3);
    assert_true(ratio_of(a, 1, a + 4, 1, 0.95, &ratio));
    assert_true(fabs(ratio.estimate - 1.4) < 1e-12);
    assert_true(ratio.low == 0 && isinf(ratio.high) && ratio.confidence == 0);
}

/* Samples that differ by a known factor, with noise far from normal: the interval contains the
 * factor as often as promised, within the statistical error. */
static void intervals_contain_the_factor(void **state)
{
    static const size_t counts[] = {5, 9, 40};
    rng_state random = {5};

    (void)state;
    for (size_t c = 0; c < COUNT_OF(counts); c++) {
        const size_t trials = test_scaled(2000);
        double a[40], b[40], contained = 0, promised = 0;

        for (size_t trial = 0; trial < trials; trial++) {
            struct ratio ratio;

            for (size_t i = 0; i < counts[c]; i++) {
                a[i] = 100 * exp(pow((double)rng_below(&random, 1000) / 1000, 4));
                b[i] = 130 * exp(pow((double)rng_below(&random, 1000) / 1000, 4));
            }
            assert_true(ratio_of(a, counts[c], b, counts[c], 0.95, &ratio));
            contained += ratio.low <= 1.3 && 1.3 <= ratio.high;
            promised = ratio.confidence;
        }
        assert_true(promised >= 0.95);
        assert_true(fabs(contained / (double)trials - promised) <
                    5 * sqrt(promised * (1 - promised) / (double)trials) + 0.005);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(critical_values_match_tables),
        cmocka_unit_test(many_samples),
        cmocka_unit_test(known_ratios),
        cmocka_unit_test(intervals_contain_the_factor),
    };
    return cmocka_run_group_tests_name("ratio", tests, NULL, NULL);
}
