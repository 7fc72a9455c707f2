/*
 * Sketches of leaves: the range in which a key is searched has every entry that may be the key,
 * counted here one by one; which leaves have a sketch; which visit makes it.
 */
#include "core/index/sketches.h"

#include "rng.h"
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ENTRIES_MAX 1200u
#define BUCKETS     15

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Sorted shares; `narrow`: all in a part of the leaf. The first entry is the fence. */
static void random_shares(rng_state *rng, uint32_t count, bool narrow, uint32_t *shares)
{
    const uint32_t base = (uint32_t)rng_next(rng) & 0x7fffffff;
    const uint32_t width = narrow ? 1 + (uint32_t)rng_below(rng, 1 << 30) : UINT32_MAX;

    for (uint32_t i = 0; i < count; i++)
        shares[i] = (narrow ? base : 0) + (uint32_t)rng_below(rng, width);
    shares[0] = 0;
    qsort(shares, count, sizeof *shares, compare);
}

static unsigned bucket_of(uint32_t share)
{
    return (unsigned)((double)share / 4294967296.0 * BUCKETS);
}

/* Whether no bucket has more than 15 of the counted entries, which are every step-th from the end.
 */
static bool is_countable(const struct ikv_sketches *sketches, const uint32_t *shares,
                         uint32_t count)
{
    unsigned counts[BUCKETS] = {0};

    if (count < sketches->window || count < sketches->step)
        return false;
    for (uint32_t from_end = sketches->step; from_end <= count; from_end += sketches->step)
        if (++counts[bucket_of(shares[count - from_end])] > 15)
            return false;
    return true;
}

static uint64_t make(const struct ikv_sketches *sketches, const uint32_t *shares, uint32_t count)
{
    struct ikv_sketch_maker maker;

    ikv_sketch_begin(sketches, count, &maker);
    for (uint32_t i = 0; i < count; i++)
        ikv_sketch_add(&maker, shares[i]);
    return ikv_sketch_end(&maker);
}

static void check_key(const struct ikv_sketches *sketches, uint64_t sketch, const uint32_t *shares,
                      uint32_t count, uint32_t share)
{
    const struct ikv_sketch_range range = ikv_sketch_find(sketches, sketch, share);

    assert_true(range.from <= count);
    assert_true(range.count <= range.from);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t from_end = count - i;
        const bool inside = from_end <= range.from && from_end > range.from - range.count;
        if (bucket_of(shares[i]) == bucket_of(share))
            assert_true(inside);
        if (sketches->step == 1)
            assert_int_equal(inside, bucket_of(shares[i]) == bucket_of(share));
    }
}

static void ranges_have_every_candidate(void **state)
{
    rng_state rng = {12};
    uint32_t *shares = calloc(ENTRIES_MAX, sizeof *shares);
    unsigned with = 0;
    unsigned without = 0;

    (void)state;
    assert_non_null(shares);
    for (unsigned round = 0; round < test_scaled_min(3000, 300); round++) {
        struct ikv_sketches sketches;
        const uint32_t usual = 1 + (uint32_t)rng_below(&rng, round % 3 ? 60 : ENTRIES_MAX - 100);
        const uint32_t count = usual + (uint32_t)rng_below(&rng, 30);

        assert_int_equal(ikv_sketches_new(1, usual, &sketches), 0);
        random_shares(&rng, count, round % 4 == 0, shares);
        const uint64_t sketch = make(&sketches, shares, count);
        assert_int_equal(ikv_sketch_is_set(sketch), is_countable(&sketches, shares, count));
        if (ikv_sketch_is_set(sketch)) {
            with++;
            for (uint32_t i = 0; i < count; i += 1 + count / 40)
                check_key(&sketches, sketch, shares, count, shares[i]);
            for (unsigned i = 0; i < 40; i++)
                check_key(&sketches, sketch, shares, count, (uint32_t)rng_next(&rng));
            check_key(&sketches, sketch, shares, count, 0);
            check_key(&sketches, sketch, shares, count, UINT32_MAX);
        } else {
            without++;
        }
        ikv_sketches_free(&sketches);
    }
    assert_true(with > without && without > 0);
    free(shares);
}

static void the_second_visit_makes_it(void **state)
{
    struct ikv_sketches sketches;

    (void)state;
    assert_int_equal(ikv_sketches_new(3, 34, &sketches), 0);
    assert_int_equal((uintptr_t)sketches.leaves % 64, 0);
    assert_false(ikv_sketch_is_set(ikv_sketch_of(&sketches, 1)));
    assert_false(ikv_sketch_claim(&sketches, 1));
    assert_false(ikv_sketch_is_set(ikv_sketch_of(&sketches, 1)));
    assert_true(ikv_sketch_claim(&sketches, 1));
    ikv_sketch_publish(&sketches, 1, IKV_SKETCH_NONE);
    assert_false(ikv_sketch_is_set(ikv_sketch_of(&sketches, 1)));
    assert_false(ikv_sketch_claim(&sketches, 1));
    assert_false(ikv_sketch_claim(&sketches, 2));
    ikv_sketches_free(&sketches);

    /* without any */
    assert_false(ikv_sketch_is_set(ikv_sketch_of(&sketches, 1)));
    assert_false(ikv_sketch_claim(&sketches, 1));
    ikv_sketch_publish(&sketches, 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_have_every_candidate),
        cmocka_unit_test(the_second_visit_makes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
