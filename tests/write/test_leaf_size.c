/* The leaf size that is chosen for given value sizes: a table of fixed sizes, and mixtures. */
#include "core/leaves/leaf_size.h"

#include "hostkey.h"
#include "rng.h"
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FOOTER   16u
#define RECORD   8u  /* size and checksum */
#define POSITION 8u  /* of a record outside */
#define HEADER   24u /* in leaf 0, for which every record in a leaf must be short enough */
#define MIN_LEAF 4096u
#define MAX_LEAF 32768u

static uint32_t choose(ikv_key_type type, const uint32_t *sizes, size_t count)
{
    struct ikv_size_stats stats;
    struct ikv_key_info key;

    memset(&stats, 0, sizeof(stats));
    for (size_t i = 0; i < count; i++)
        ikv_size_stats_add(&stats, sizes[i]);
    assert_true(ikv_key_describe(type, &key));
    const uint32_t chosen = ikv_leaf_size_choose(&key, &stats);
    assert_int_equal(ikv_leaf_size_choose(&key, &stats), chosen);
    assert_true(chosen >= MIN_LEAF && chosen <= MAX_LEAF && (chosen & (chosen - 1)) == 0);
    return chosen;
}

/* Bytes that a pair takes in a leaf. */
static uint32_t need(uint32_t width, uint32_t leaf, uint32_t size)
{
    const uint32_t entry = width + 2;

    return entry + (HEADER + size + RECORD + entry + FOOTER <= leaf ? RECORD + size : POSITION);
}

/* Share of a leaf that is left over by values of one size. */
static double padding(uint32_t width, uint32_t leaf, uint32_t size)
{
    const uint32_t capacity = leaf - FOOTER;
    const uint32_t each = need(width, leaf, size);

    return 1 - (double)(capacity / each * each) / capacity;
}

/* Values of up to 4,000 bytes leave less than an eighth of a leaf. */
static void fixed_sizes_waste_little(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U8,        IKV_KEY_U32,       IKV_KEY_I64,
                                         IKV_KEY_U128,      IKV_KEY_BYTES(20), IKV_KEY_BYTES(33),
                                         IKV_KEY_BYTES(128)};
    double most = 0;

    (void)state;
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        const uint32_t width = (uint32_t)hostkey_width(types[t]);

        for (uint32_t size = 0; size <= 4000; size++) {
            if (!test_in_sample(size + 7 * t, 4001, 800))
                continue;
            const uint32_t leaf = choose(types[t], &size, 1);
            const double wasted = padding(width, leaf, size);

            if (wasted >= 1.0 / 8)
                fail_msg("width %u, values of %u bytes: leaf %u, padding %.3f", width, size, leaf,
                         wasted);
            most = wasted > most ? wasted : most;
        }
    }
    print_message("padding of %.1f %% at most\n", 100 * most);
}

/* Small values: the least leaf has little padding, and a larger one only takes longer to read. */
static void small_values_get_small_leaves(void **state)
{
    (void)state;
    for (uint32_t size = 0; size <= 200; size++)
        assert_int_equal(choose(IKV_KEY_U64, &size, 1), MIN_LEAF);
}

/* Values that fit into no leaf need no large one. */
static void long_values_get_small_leaves(void **state)
{
    (void)state;
    for (uint32_t size = MAX_LEAF; size < 16u << 20; size *= 2)
        assert_int_equal(choose(IKV_KEY_U64, &size, 1), MIN_LEAF);
}

static void no_values(void **state)
{
    (void)state;
    assert_int_equal(choose(IKV_KEY_U64, NULL, 0), MIN_LEAF);
}

/* Order does not matter, nor how often all sizes are repeated. */
static void only_the_distribution_matters(void **state)
{
    rng_state rng = {5};

    (void)state;
    for (size_t round = 0; round < test_scaled_min(300, 30); round++) {
        const uint64_t below = UINT64_C(1) << rng_below(&rng, 18);
        uint32_t sizes[500];

        for (size_t i = 0; i < 250; i++)
            sizes[i] = sizes[i + 250] = (uint32_t)rng_below(&rng, below + 1);
        const uint32_t chosen = choose(IKV_KEY_U64, sizes, 250);
        assert_int_equal(choose(IKV_KEY_U64, sizes, 500), chosen);
        rng_shuffle(&rng, sizes, 500, sizeof(sizes[0]));
        assert_int_equal(choose(IKV_KEY_U64, sizes, 500), chosen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_sizes_waste_little),
        cmocka_unit_test(small_values_get_small_leaves),
        cmocka_unit_test(long_values_get_small_leaves),
        cmocka_unit_test(no_values),
        cmocka_unit_test(only_the_distribution_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
