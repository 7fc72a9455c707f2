/* Latency histograms, compared with sorted arrays of the durations and a table of bucket limits. */
#include "indexkv.h"

#include "rng.h"
#include "scale.h"
#include "tmpdir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Bucket i counts durations from limits[i] to limits[i + 1] - 1, the last one all from its limit
 * on. */
static uint64_t limits[IKV_LATENCY_BUCKETS];

static int make_limits(void **state)
{
    uint64_t width = 1;

    (void)state;
    for (size_t i = 1; i < IKV_LATENCY_BUCKETS; i++) {
        /* 8 buckets per power of two; below 16, each is one nanosecond. */
        if (i > 16 && i % 8 == 1)
            width *= 2;
        limits[i] = limits[i - 1] + width;
    }
    return 0;
}

static size_t naive_bucket(uint64_t duration)
{
    size_t bucket = 0;

    while (bucket + 1 < IKV_LATENCY_BUCKETS && duration >= limits[bucket + 1])
        bucket++;
    return bucket;
}

/* The value that the histogram reports for a duration. */
static uint64_t naive_rounded(uint64_t duration, uint64_t longest)
{
    size_t bucket = naive_bucket(duration);

    if (bucket + 1 == IKV_LATENCY_BUCKETS || limits[bucket + 1] - 1 > longest)
        return longest;
    return limits[bucket + 1] - 1;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

/* ---------------------------------------------------------------- sets of durations */

static void assert_buckets(const ikv_latency *latency, const uint64_t *durations, size_t count)
{
    uint64_t expected[IKV_LATENCY_BUCKETS] = {0};
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        expected[naive_bucket(durations[i])]++;
        sum += durations[i];
    }
    assert_int_equal(latency->count, count);
    assert_int_equal(latency->sum_ns, sum);
    assert_memory_equal(latency->bucket, expected, sizeof(expected));
}

/* `durations` is sorted. Shares are given as fractions, so that ranks are exact. */
static void assert_percentiles(const ikv_latency *latency, const uint64_t *durations, size_t count)
{
    static const uint64_t parts[] = {1, 2, 3, 7, 10, 100, 1000, 10000};
    const uint64_t longest = durations[count - 1];

    assert_int_equal(latency->min_ns, durations[0]);
    assert_int_equal(latency->max_ns, longest);
    for (size_t p = 0; p < COUNT_OF(parts); p++) {
        uint64_t step = 1 + parts[p] / 200;

        for (uint64_t k = 0; k <= parts[p]; k += step) {
            uint64_t rank = (k * count + parts[p] - 1) / parts[p];
            uint64_t duration = durations[rank > 0 ? rank - 1 : 0];
            uint64_t reported = ikv_latency_percentile(latency, (double)k / (double)parts[p]);

            if (reported != naive_rounded(duration, longest))
                fail_msg("%llu/%llu of %zu durations: %llu ns, not %llu", (unsigned long long)k,
                         (unsigned long long)parts[p], count, (unsigned long long)reported,
                         (unsigned long long)naive_rounded(duration, longest));
            assert_true(reported >= duration);
            if (naive_bucket(duration) + 1 < IKV_LATENCY_BUCKETS)
                assert_true(reported - duration <= duration / 8);
        }
    }
}

enum shape { ANY, SHORT, NARROW, SAME, EXTREME, SHAPES };

static uint64_t draw(rng_state *random, enum shape shape)
{
    switch (shape) {
    case SHORT:
        return rng_below(random, 40);
    case NARROW:
        return 80000 + rng_below(random, 5000);
    case SAME:
        return 123456789;
    case EXTREME:
        return UINT64_MAX - rng_below(random, 2) * rng_next(random);
    default:
        return rng_next(random) >> rng_below(random, 64);
    }
}

static void percentiles_of_sorted_durations(void **state)
{
    static const size_t counts[] = {1, 2, 3, 7, 100, 101, 1000, 4096};
    rng_state random = {1};

    (void)state;
    for (int shape = 0; shape < SHAPES; shape++)
        for (size_t c = 0; c < COUNT_OF(counts); c++) {
            uint64_t *durations = must_malloc(counts[c] * sizeof(*durations));
            ikv_latency latency = {0};

            for (size_t i = 0; i < counts[c]; i++) {
                durations[i] = draw(&random, (enum shape)shape);
                ikv_latency_record(&latency, durations[i]);
            }
            qsort(durations, counts[c], sizeof(*durations), ascending);
            assert_buckets(&latency, durations, counts[c]);
            assert_percentiles(&latency, durations, counts[c]);
            free(durations);
        }
}

static void limits_of_buckets(void **state)
{
    (void)state;
    /* The last bucket begins after an hour: no disk operation takes as long. */
    assert_true(limits[IKV_LATENCY_BUCKETS - 1] > UINT64_C(3600) * 1000000000);
    for (size_t i = 1; i < IKV_LATENCY_BUCKETS; i++) {
        ikv_latency latency = {0};

        ikv_latency_record(&latency, limits[i] - 1);
        ikv_latency_record(&latency, limits[i]);
        assert_int_equal(latency.bucket[i - 1], 1);
        assert_int_equal(latency.bucket[i], 1);
    }
}

static void parts_add_up(void **state)
{
    rng_state random = {2};

    (void)state;
    for (size_t round = 0; round < test_scaled(200); round++) {
        static const ikv_latency none;
        ikv_latency whole = {0};
        ikv_latency parts[3] = {{0}};
        ikv_latency total = {0};
        size_t used = 1 + (size_t)rng_below(&random, 3); /* others stay empty */

        for (uint64_t left = rng_below(&random, 50); left > 0; left--) {
            uint64_t duration = draw(&random, ANY);

            ikv_latency_record(&whole, duration);
            ikv_latency_record(&parts[rng_below(&random, used)], duration);
        }
        for (size_t i = 0; i < COUNT_OF(parts); i++)
            ikv_latency_add(&total, &parts[i]);
        ikv_latency_add(&total, &none);
        assert_memory_equal(&total, &whole, sizeof(whole));
        ikv_latency_add(&total, &total);
        assert_int_equal(total.count, 2 * whole.count);
        assert_int_equal(total.min_ns, whole.min_ns);
        assert_int_equal(total.max_ns, whole.max_ns);
    }
}

static void invalid_shares_are_clamped(void **state)
{
    ikv_latency latency = {0};

    (void)state;
    for (double share = -1.0; share <= 2.0; share += 0.5)
        assert_int_equal(ikv_latency_percentile(&latency, share), 0);
    assert_int_equal(ikv_latency_percentile(&latency, NAN), 0);

    ikv_latency_record(&latency, 3);
    ikv_latency_record(&latency, 5);
    ikv_latency_record(&latency, 1000);
    assert_int_equal(ikv_latency_percentile(&latency, -0.0), 3);
    assert_int_equal(ikv_latency_percentile(&latency, -1e300), 3);
    assert_int_equal(ikv_latency_percentile(&latency, -INFINITY), 3);
    assert_int_equal(ikv_latency_percentile(&latency, NAN), 3);
    assert_int_equal(ikv_latency_percentile(&latency, 0x1p-1074), 3);
    assert_int_equal(ikv_latency_percentile(&latency, 1.0 - 0x1p-53), 1000);
    assert_int_equal(ikv_latency_percentile(&latency, 1.5), 1000);
    assert_int_equal(ikv_latency_percentile(&latency, INFINITY), 1000);
}

/* A histogram is plain data, which may come from a file. */
static void arbitrary_contents_are_safe(void **state)
{
    ikv_latency latency;

    (void)state;
    memset(&latency, 0xff, sizeof(latency));
    for (double share = 0.0; share <= 1.0; share += 0.125)
        (void)ikv_latency_percentile(&latency, share);
    memset(&latency, 0, sizeof(latency));
    latency.count = UINT64_MAX;
    latency.max_ns = 77;
    assert_int_equal(ikv_latency_percentile(&latency, 0.5), 77);
    latency.bucket[20] = UINT64_MAX;
    latency.min_ns = 60;
    assert_int_equal(ikv_latency_percentile(&latency, 0.9999999999999999), 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_of_sorted_durations),
        cmocka_unit_test(limits_of_buckets),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(invalid_shares_are_clamped),
        cmocka_unit_test(arbitrary_contents_are_safe),
    };

    return cmocka_run_group_tests(tests, make_limits, NULL);
}
