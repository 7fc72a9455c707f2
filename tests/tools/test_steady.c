/* The rule for a steady state, by series whose range and slope were computed by hand. */
#include "seek/steady.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct series {
    double samples[8];
    size_t count;
    double range, drift;
    bool steady;
};

static const struct series table[] = {
    {{100, 100, 100, 100, 100}, 5, 0, 0, true},
    /* A range of exactly 20 %; the slope is (-180 - 100 + 100 + 200) / 10 = 2, then 0. */
    {{90, 100, 110, 100, 100}, 5, 0.2, 0.08, true},
    {{90, 105, 110, 105, 90}, 5, 0.2, 0, true},
    {{89, 105, 112, 105, 89}, 5, 0.23, 0, false},
    /* The slope is (-2 * 95 - 97.5 + 102.5 + 2 * 105) / 10 = 2.5 per round, 10 in all. */
    {{95, 97.5, 100, 102.5, 105}, 5, 0.1, 0.1, true},
    {{105, 102.5, 100, 97.5, 95}, 5, 0.1, 0.1, true},
    /* Within the range, but it drifts: slope (-188 - 97 + 103 + 212) / 10 = 3, 12 in all. */
    {{94, 97, 100, 103, 106}, 5, 0.12, 0.12, false},
    {{106, 103, 100, 97, 94}, 5, 0.12, 0.12, false},
    /* A single outlier of 30 % in the middle has no slope. */
    {{100, 100, 130, 100, 100}, 5, 30.0 / 106, 0, false},
    /* Only the last five count. */
    {{5000, 300, 200, 100, 100, 100, 100, 100}, 8, 0, 0, true},
    {{100, 100, 100, 100, 100, 100, 100, 160}, 8, 60.0 / 112, 48.0 / 112, false},
    /* Too few, or nothing to compare with. */
    {{100, 100, 100, 100}, 4, 0, 0, false},
    {{0}, 0, 0, 0, false},
    {{0, 0, 0, 0, 0}, 5, 0, 0, false},
    /* The unit does not matter. */
    {{95e6, 97.5e6, 100e6, 102.5e6, 105e6}, 5, 0.1, 0.1, true},
    {{94e-6, 97e-6, 100e-6, 103e-6, 106e-6}, 5, 0.12, 0.12, false},
};

static void known_series(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct series *one = &table[i];
        struct steadiness found;

        assert_int_equal(steady_state(one->samples, one->count, &found), one->steady);
        assert_true(fabs(found.range - one->range) < 1e-12);
        assert_true(fabs(found.drift - one->drift) < 1e-12);
        assert_int_equal(steady_state(one->samples, one->count, NULL), one->steady);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_series)};
    return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
