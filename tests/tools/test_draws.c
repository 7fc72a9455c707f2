/* Keys drawn from a store for benchmarks: they are present or absent as reported, follow their
 * distribution, and depend on the seed only. */
#include "bench/draws.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "hostkey.h"
#include "probe_keys.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* As in test_theory.c: random counts exceed this once in millions of cases, and seeds are fixed. */
#define DEVIATIONS 5.0

/* The last message that the command would have printed to standard error. */
static char last_message[512];

void message(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(last_message, sizeof last_message, format, arguments);
    va_end(arguments);
}

int out_of_memory(void)
{
    return STATUS_IO;
}

static void assert_message(const char *text)
{
    if (strstr(last_message, text) == NULL)
        fail_msg("the message does not contain '%s': %s", text, last_message);
    last_message[0] = '\0';
}

static void assert_count(double count, double expected, const char *what)
{
    /* Bernstein's inequality: counts of rare events have longer tails. */
    if (fabs(count - expected) > DEVIATIONS * sqrt(expected) + DEVIATIONS * DEVIATIONS / 3)
        fail_msg("%s: %.0f, expected about %.1f", what, count, expected);
}

/* ---------------------------------------------------------------- numbers */

static void zipf_follows_definition(void **state)
{
    enum { COUNT = 1000, DRAWS = 300000 };
    static const double thetas[] = {0.2, 0.99, 1, 1.000001, 2.5};
    static uint32_t seen[COUNT + 1];

    (void)state;
    for (size_t t = 0; t < COUNT_OF(thetas); t++) {
        struct random random = {t};
        struct zipf zipf;
        double sum = 0;

        memset(seen, 0, sizeof seen);
        zipf_init(&zipf, COUNT, thetas[t]);
        for (int i = 0; i < DRAWS; i++) {
            uint64_t number = zipf_draw(&zipf, &random);

            assert_in_range(number, 1, COUNT);
            seen[number]++;
        }
        for (int i = 1; i <= COUNT; i++)
            sum += pow(i, -thetas[t]);
        for (int i = 1; i <= COUNT; i++)
            assert_count(seen[i], (double)DRAWS * pow(i, -thetas[t]) / sum, "draws of a number");
    }
}

static void zipf_of_many_numbers(void **state)
{
    struct random random = {1};
    struct zipf zipf;
    uint64_t ones = 0;

    (void)state;
    zipf_init(&zipf, 1, 0.99);
    assert_int_equal(zipf_draw(&zipf, &random), 1);
    zipf_init(&zipf, UINT64_C(10000000000), 2);
    for (int i = 0; i < 10000; i++)
        ones += zipf_draw(&zipf, &random) == 1;
    assert_count((double)ones, 10000 * 6 / 9.8696044, "draws of 1"); /* 1 / (pi^2 / 6) */
}

static void scatter_is_a_permutation(void **state)
{
    static unsigned char seen[5000];

    (void)state;
    for (uint64_t count = 1; count <= 5000; count += count < 300 ? 1 : 1175) {
        uint64_t moved = 0;

        memset(seen, 0, sizeof seen);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t to = scatter(i, count, 7);

            assert_true(to < count);
            assert_int_equal(seen[to]++, 0);
            moved += to != i;
        }
        assert_true(count < 100 || moved > count / 2);
    }
    assert_true(scatter(UINT64_C(9999999999), UINT64_C(10000000000), 1) < UINT64_C(10000000000));
    assert_true(scatter(0, UINT64_MAX, 1) < UINT64_MAX);
    assert_int_not_equal(scatter(1, 1000000, 1), scatter(1, 1000000, 2));
}

static void random_numbers_are_uniform(void **state)
{
    struct random random = {3};
    uint64_t seen[7] = {0};

    (void)state;
    for (int i = 0; i < 70000; i++)
        seen[random_below(&random, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_count((double)seen[i], 10000, "draws of a number below 7");
    for (int i = 0; i < 1000; i++) {
        double share = random_share(&random);

        assert_true(share >= 0 && share < 1);
        assert_true(random_below(&random, UINT64_MAX) < UINT64_MAX);
        assert_int_equal(random_below(&random, 1), 0);
    }
}

/* ---------------------------------------------------------------- stores */

struct drawn_store {
    probe_keys keys;
    ikv_info info;
    char *path;
};

/* Takes ownership of the keys. */
static void setup(void **state, probe_keys keys, uint32_t flags, struct drawn_store *ret)
{
    ikv_store *store;

    ret->keys = keys;
    ret->path = tmpdir_file(*state, "drawn");
    probe_keys_write(ret->path, &keys, flags);
    store = store_open(ret->path, keys.type, 0, 0);
    ikv_store_info(store, &ret->info);
    ikv_close(store);
}

static void cleanup(struct drawn_store *s)
{
    probe_keys_free(&s->keys);
    free(s->path);
}

static struct draws_options options_for(enum distribution distribution, uint64_t count)
{
    return (struct draws_options){.distribution = distribution,
                                  .theta = 0.99,
                                  .run_length = 10,
                                  .present = 1,
                                  .seed = 42,
                                  .count = count,
                                  .seconds = 1e9,
                                  .min_count = count};
}

/* Number of keys smaller than the i-th draw, and whether the draw is a key of the store. */
static size_t rank_of(const struct drawn_store *s, const struct draws *draws, uint64_t i,
                      int *ret_present)
{
    unsigned char ordered[IKV_KEY_WIDTH_MAX];
    size_t rank;

    hostkey_to_ordered(s->keys.type, draws->keys + i * draws->width, ordered);
    rank = probe_keys_rank(&s->keys, ordered, 0);
    *ret_present = probe_keys_rank(&s->keys, ordered, 1) > rank;
    return rank;
}

static void draws_are_present_as_reported(void **state)
{
    for (size_t t = 0; t < hostkey_type_count; t++)
        for (int d = DISTRIBUTION_UNIFORM; d <= DISTRIBUTION_CLUSTERED; d++) {
            const int few = hostkey_width(hostkey_types[t]) == 1;
            struct draws_options options = options_for((enum distribution)d, 2000);
            struct drawn_store s;
            struct draws draws;
            rng_state random = {t};
            probe_keys keys;
            double present = 0;

            probe_keys_random(&random, hostkey_types[t], few ? 100 : 1000, MODEL_KEYS_UNIFORM, 0,
                              &keys);
            setup(state, keys, t % 2 ? IKV_WRITE_PLAIN : 0, &s);
            options.present = 0.75;
            assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_DONE);
            assert_int_equal(draws.count, 2000);
            assert_int_equal(draws.width, keys.width);
            for (uint64_t i = 0; i < draws.count; i++) {
                int is_present;

                (void)rank_of(&s, &draws, i, &is_present);
                assert_int_equal(draws.present[i], is_present);
                present += is_present;
            }
            assert_count(present, 1500, "present keys");
            draws_free(&draws);
            cleanup(&s);
        }
}

static void draws_follow_distribution(void **state)
{
    enum { KEYS = 500, DRAWS = 50000 };
    struct draws_options options = options_for(DISTRIBUTION_UNIFORM, DRAWS);
    rng_state random = {1};
    struct drawn_store s;
    struct draws draws;
    probe_keys keys;
    double seen[KEYS] = {0}, sum = 0;
    int is_present;

    probe_keys_spread(&random, KEYS, &keys);
    setup(state, keys, 0, &s);
    assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_DONE);
    for (uint64_t i = 0; i < DRAWS; i++)
        seen[rank_of(&s, &draws, i, &is_present)]++;
    for (int i = 0; i < KEYS; i++)
        assert_count(seen[i], (double)DRAWS / (double)KEYS, "draws of a key");
    draws_free(&draws);

    /* Zipf: the most frequent key, wherever it is. */
    options.distribution = DISTRIBUTION_ZIPF;
    memset(seen, 0, sizeof seen);
    assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_DONE);
    for (uint64_t i = 0; i < DRAWS; i++)
        seen[rank_of(&s, &draws, i, &is_present)]++;
    for (int i = 1; i <= KEYS; i++)
        sum += pow(i, -0.99);
    assert_count(seen[scatter(0, KEYS, 42)], (double)DRAWS / sum, "draws of the most frequent key");
    draws_free(&draws);
    cleanup(&s);
}

static void sequential_and_clustered_draws(void **state)
{
    enum { KEYS = 500 };
    rng_state random = {1};
    struct drawn_store s;
    probe_keys keys;

    probe_keys_spread(&random, KEYS, &keys);
    setup(state, keys, 0, &s);
    for (int d = DISTRIBUTION_SEQUENTIAL; d <= DISTRIBUTION_CLUSTERED; d++) {
        struct draws_options options = options_for((enum distribution)d, 2000);
        struct draws draws;
        int breaks = 0, is_present;

        assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_DONE);
        for (uint64_t i = 1; i < draws.count; i++) {
            size_t before = rank_of(&s, &draws, i - 1, &is_present);

            if (rank_of(&s, &draws, i, &is_present) == (before + 1) % KEYS)
                continue;
            assert_int_equal(i % 10, 0);
            breaks++;
        }
        assert_in_range(breaks, d == DISTRIBUTION_CLUSTERED ? 190 : 0,
                        d == DISTRIBUTION_CLUSTERED ? 199 : 0);
        draws_free(&draws);
    }
    cleanup(&s);
}

/* Without a v2 index, keys are read from leaves. Every `outside`-th record is too long for one, so
 * that leaves are not all next to each other. */
static void setup_leaves(void **state, probe_keys keys, size_t outside, struct drawn_store *ret)
{
    static const unsigned char value[6000];
    ikv_writer_options options = store_options(keys.type);
    ikv_writer *writer = NULL;
    ikv_store *store;
    ikv_error err;

    options.layout = IKV_LAYOUT_CLUSTERED;
    options.flags = IKV_WRITE_NO_V2_INDEX;
    options.leaf_size = 4096;
    ret->keys = keys;
    ret->path = tmpdir_file(*state, "drawn");
    assert_ok(ikv_writer_new(ret->path, &options, &writer, &err), &err);
    for (size_t i = 0; i < keys.count; i++) {
        unsigned char host[IKV_KEY_WIDTH_MAX];

        hostkey_from_ordered(keys.type, probe_key_at(&keys, i), host);
        assert_ok(ikv_writer_add(writer, host, value,
                                 outside > 0 && i % outside == 0 ? sizeof value : 60, &err),
                  &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    store = store_open(ret->path, keys.type, 0, 0);
    ikv_store_info(store, &ret->info);
    ikv_close(store);
}

static void draws_from_leaves(void **state)
{
    enum { KEYS = 20000, DRAWS = 40000, GROUP = 500 };
    static const size_t outside[] = {0, 50, 1};
    struct draws_options options = options_for(DISTRIBUTION_UNIFORM, DRAWS);

    options.present = 0.5;
    for (size_t o = 0; o < COUNT_OF(outside); o++) {
        double seen[KEYS / GROUP] = {0};
        rng_state random = {o};
        struct drawn_store s;
        struct draws draws;
        probe_keys keys;

        probe_keys_spread(&random, KEYS, &keys);
        setup_leaves(state, keys, outside[o], &s);
        assert_int_equal(s.info.has_v2_index, 0);
        assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_DONE);
        assert_int_equal(draws.count, DRAWS);
        for (uint64_t i = 0; i < draws.count; i++) {
            int is_present;
            const size_t rank = rank_of(&s, &draws, i, &is_present);

            assert_int_equal(draws.present[i], is_present);
            seen[(is_present ? rank : rank - 1) / GROUP]++;
        }
        /* A leaf has 52 keys, so a group of keys is ten leaves, give or take one. */
        const double average = (double)DRAWS * (double)GROUP / (double)KEYS;
        for (size_t i = 0; i < KEYS / GROUP; i++)
            assert_in_range(seen[i], 0.7 * average, 1.3 * average);
        draws_free(&draws);
        cleanup(&s);
    }
}

/* All key types, and stores of one key and of one leaf. */
static void draws_of_all_types_from_leaves(void **state)
{
    struct draws_options options = options_for(DISTRIBUTION_SEQUENTIAL, 500);

    for (size_t t = 0; t < hostkey_type_count; t++) {
        rng_state random = {t};
        struct drawn_store s;
        struct draws draws;
        probe_keys keys;

        probe_keys_random(&random, hostkey_types[t], t % 3 ? 100 : 1, MODEL_KEYS_UNIFORM, 0, &keys);
        setup_leaves(state, keys, t % 2 ? 7 : 0, &s);
        assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_DONE);
        for (uint64_t i = 0; i < draws.count; i++) {
            int is_present;

            (void)rank_of(&s, &draws, i, &is_present);
            assert_true(is_present);
        }
        draws_free(&draws);
        cleanup(&s);
    }
}

static void same_seed_draws_same_keys(void **state)
{
    struct draws_options options = options_for(DISTRIBUTION_UNIFORM, 100);
    rng_state random = {1};
    struct draws a, b, c;
    struct drawn_store s;
    probe_keys keys;

    probe_keys_spread(&random, 5000, &keys);
    setup(state, keys, 0, &s);
    assert_int_equal(draws_make(&a, s.path, &s.info, &options), STATUS_DONE);
    assert_int_equal(draws_make(&b, s.path, &s.info, &options), STATUS_DONE);
    options.seed++;
    assert_int_equal(draws_make(&c, s.path, &s.info, &options), STATUS_DONE);
    assert_memory_equal(a.keys, b.keys, 800);
    assert_memory_not_equal(a.keys, c.keys, 800);
    draws_free(&a);
    draws_free(&b);
    draws_free(&c);

    /* At least min_count keys are drawn even if there is no time. */
    options.seconds = 0;
    options.count = 100000;
    options.min_count = 1000;
    assert_int_equal(draws_make(&a, s.path, &s.info, &options), STATUS_DONE);
    assert_in_range(a.count, 1000, 99999);
    draws_free(&a);
    cleanup(&s);
}

/* Errors and their messages if no keys can be drawn. */
static void impossible_draws_fail(void **state)
{
    struct draws_options options = options_for(DISTRIBUTION_UNIFORM, 100);
    rng_state random = {1};
    struct drawn_store s;
    struct draws draws;
    probe_keys keys;

    probe_keys_random(&random, IKV_KEY_U8, 5000, MODEL_KEYS_UNIFORM, 0, &keys);
    assert_int_equal(keys.count, 256); /* all keys of the type */
    setup(state, keys, 0, &s);
    assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_DONE);
    draws_free(&draws);
    options.present = 0;
    assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_USAGE);
    assert_message("no absent keys");
    draws_free(&draws);
    options.present = 1;
    s.info.file_size++;
    assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_IO);
    assert_message("was replaced");
    draws_free(&draws);
    s.info.pair_count = 0;
    assert_int_equal(draws_make(&draws, s.path, &s.info, &options), STATUS_USAGE);
    assert_message("is empty");
    draws_free(&draws);
    cleanup(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zipf_follows_definition),
        cmocka_unit_test(zipf_of_many_numbers),
        cmocka_unit_test(scatter_is_a_permutation),
        cmocka_unit_test(random_numbers_are_uniform),
        cmocka_unit_test(draws_are_present_as_reported),
        cmocka_unit_test(draws_follow_distribution),
        cmocka_unit_test(sequential_and_clustered_draws),
        cmocka_unit_test(draws_from_leaves),
        cmocka_unit_test(draws_of_all_types_from_leaves),
        cmocka_unit_test(same_seed_draws_same_keys),
        cmocka_unit_test(impossible_draws_fail),
    };
    return cmocka_run_group_tests_name("draws", tests, tmpdir_setup, tmpdir_teardown);
}
