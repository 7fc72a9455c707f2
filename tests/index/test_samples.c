/*
 * Samples of index pages: the place of a key compared with a walk over the page's guesses, and
 * which caller creates samples.
 */
#include "core/index/samples.h"

#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_MAX 256u
#define WINDOW    8u /* entries that a lookup compares at once */

static int compare(const void *a, const void *b)
{
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* Sorted guesses of interpolation for the entries of a page with evenly spread keys, `noise` off at
 * most. The first entry is the page's fence, whose guess is exact. */
static void even_guesses(rng_state *rng, uint32_t count, uint32_t noise, unsigned char *guesses)
{
    for (uint32_t i = 0; i < count; i++) {
        const int64_t guess = (int64_t)i + (int64_t)rng_below(rng, 2 * noise + 1) - noise;
        guesses[i] = (unsigned char)(guess < 0 ? 0 : guess < count ? guess : count - 1);
    }
    guesses[0] = 0;
    qsort(guesses, count, 1, compare);
}

/* Only a few different guesses. */
static void uneven_guesses(rng_state *rng, uint32_t count, unsigned char *guesses)
{
    const uint64_t different = 1 + rng_below(rng, 4);

    for (uint32_t i = 0; i < count; i++)
        guesses[i] = (unsigned char)(rng_below(rng, different) * (count - 1) / different);
    guesses[0] = 0;
    qsort(guesses, count, 1, compare);
}

static void take_samples(const unsigned char *guesses, uint32_t count, unsigned char *samples)
{
    memset(samples, UINT8_MAX, IKV_SAMPLES);
    for (uint32_t i = 0; i < count; i += IKV_SAMPLES_STEP(count))
        samples[i / IKV_SAMPLES_STEP(count)] = guesses[i];
}

/* Twice the middle between the last sampled entry that is certainly before the key and the first
 * that is certainly after it (twice, to be an integer). */
static uint32_t walk(const unsigned char *guesses, uint32_t count, unsigned guess)
{
    const uint32_t step = IKV_SAMPLES_STEP(count);
    uint32_t before = 0;
    uint32_t after = step * IKV_SAMPLES;

    for (uint32_t i = 0; i < count; i += step) {
        if (guesses[i] < guess)
            before = i;
        if (guesses[i] > guess && after > i)
            after = i;
    }
    if (after > count)
        after = (count + step - 1) / step * step;
    return before + after;
}

static void keys_are_between_their_samples(void **state)
{
    unsigned char samples[IKV_SAMPLES];
    unsigned char guesses[COUNT_MAX];
    rng_state rng = {1};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        const uint32_t count = WINDOW + (uint32_t)rng_below(&rng, COUNT_MAX - WINDOW + 1);
        if (round % 2)
            even_guesses(&rng, count, (uint32_t)rng_below(&rng, 20), guesses);
        else
            uneven_guesses(&rng, count, guesses);
        take_samples(guesses, count, samples);
        for (uint32_t i = 0; i < count; i += 1 + (uint32_t)rng_below(&rng, 9))
            if (guesses[i] > 0) /* the walk does not cover keys before all samples */
                assert_int_equal(ikv_samples_place(samples, count, guesses[i]),
                                 walk(guesses, count, guesses[i]));
    }
}

/* If keys are evenly spread, the entries compared first contain the key. */
static void window_contains_evenly_spread_keys(void **state)
{
    unsigned char samples[IKV_SAMPLES];
    unsigned char guesses[COUNT_MAX];
    uint64_t keys = 0;
    uint64_t held = 0;
    rng_state rng = {2};

    (void)state;
    for (int round = 0; round < 2000; round++) {
        const uint32_t count = round % 2 ? COUNT_MAX : 170;
        even_guesses(&rng, count, (uint32_t)round % 20, guesses);
        take_samples(guesses, count, samples);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t place = ikv_samples_place(samples, count, guesses[i]) / 2;
            uint32_t begin = place > WINDOW / 2 ? place - WINDOW / 2 : 0;
            begin = begin < count - WINDOW ? begin : count - WINDOW;
            keys++;
            held += i >= begin && i < begin + WINDOW;
        }
    }
    assert_true((double)held > 0.95 * (double)keys);
}

static void second_caller_creates_samples(void **state)
{
    enum { PAGES = 100 };
    struct ikv_samples *samples = NULL;

    (void)state;
    assert_int_equal(ikv_samples_new(PAGES, &samples), 0);
    for (uint64_t page = 0; page < PAGES; page++) {
        assert_null(ikv_samples_of(samples, page));
        assert_null(ikv_samples_claim(samples, page));
        unsigned char *room = ikv_samples_claim(samples, page);
        assert_non_null(room);
        memset(room, (int)page, IKV_SAMPLES);
        /* Until they are published, nobody sees them and nobody else can claim them. */
        assert_null(ikv_samples_of(samples, page));
        assert_null(ikv_samples_claim(samples, page));
        ikv_samples_publish(samples, page);
        assert_ptr_equal(ikv_samples_of(samples, page), room);
        assert_null(ikv_samples_claim(samples, page));
    }
    for (uint64_t page = 0; page < PAGES; page++)
        for (unsigned i = 0; i < IKV_SAMPLES; i++)
            assert_int_equal(ikv_samples_of(samples, page)[i], page);
    ikv_samples_free(samples);
}

static void no_samples_without_memory(void **state)
{
    (void)state;
    assert_null(ikv_samples_of(NULL, 7));
    assert_null(ikv_samples_claim(NULL, 7));
    ikv_samples_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_between_their_samples),
        cmocka_unit_test(window_contains_evenly_spread_keys),
        cmocka_unit_test(second_caller_creates_samples),
        cmocka_unit_test(no_samples_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
