/* Tests of the tests' scale: samples that missed cases systematically would let sweeps pass
 * wrongly. */
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CASES 1200u

static size_t sample_size(uint64_t count, uint64_t min)
{
    size_t size = 0;

    for (uint64_t number = 0; number < count; number++)
        size += test_in_sample(number, count, min);
    return size;
}

static void all_cases_at_full_scale(void **state)
{
    (void)state;
    assert_int_equal(setenv("INDEXKV_TEST_SCALE", "1", 1), 0);
    assert_int_equal(sample_size(CASES, 1), CASES);
    assert_int_equal(setenv("INDEXKV_TEST_SCALE", "10", 1), 0);
    assert_int_equal(sample_size(CASES, 1), CASES);
}

static void samples_have_the_size_of_the_scale(void **state)
{
    (void)state;
    assert_int_equal(setenv("INDEXKV_TEST_SCALE", "0.1", 1), 0);
    assert_in_range(sample_size(CASES, 1), CASES / 10 - 3, CASES / 10 + 3);
    for (uint64_t min = 1; min <= CASES; min++)
        assert_in_range(sample_size(CASES, min), min > 100 ? min - 3 : 100, CASES);
    assert_int_equal(sample_size(5, 100), 5);
    assert_int_equal(sample_size(1, 0), 1);
    assert_int_equal(sample_size(0, 0), 0);
}

static void samples_are_spread_evenly(void **state)
{
    (void)state;
    assert_int_equal(setenv("INDEXKV_TEST_SCALE", "0.1", 1), 0);
    for (uint64_t first = 0; first < 5000; first++) {
        size_t in_20 = 0;
        size_t in_100 = 0;

        for (uint64_t i = 0; i < 100; i++) {
            in_20 += i < 20 && test_in_sample(first + i, CASES, 1);
            in_100 += test_in_sample(first + i, CASES, 1);
        }
        assert_in_range(in_20, 1, 3);
        assert_in_range(in_100, 8, 12);
    }
}

static void random_work_has_the_size_of_the_scale(void **state)
{
    const size_t divisor = test_is_sanitized() ? 8 : 1;

    (void)state;
    assert_int_equal(unsetenv("INDEXKV_TEST_SHARE"), 0);
    assert_int_equal(setenv("INDEXKV_TEST_SCALE", "1", 1), 0);
    assert_int_equal(test_scaled(8000), 8000 / divisor);
    assert_int_equal(test_scaled_min(8000, 9000), 9000);
    assert_int_equal(setenv("INDEXKV_TEST_SCALE", "0.5", 1), 0);
    assert_int_equal(test_scaled(8000), 4000 / divisor);
    assert_int_equal(test_scaled(1), 1);
    assert_int_equal(setenv("INDEXKV_TEST_SHARE", "0.25", 1), 0);
    assert_int_equal(test_scaled(8000), 1000 / divisor);
    assert_int_equal(sample_size(CASES, CASES), CASES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_cases_at_full_scale),
        cmocka_unit_test(samples_have_the_size_of_the_scale),
        cmocka_unit_test(samples_are_spread_evenly),
        cmocka_unit_test(random_work_has_the_size_of_the_scale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
