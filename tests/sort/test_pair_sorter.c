/*
 * The sorter of pairs against qsort: key types, sizes of values up to those that are spooled, both
 * orders of equal keys, in memory and in runs that need several merge passes.
 */
#include "core/sort/pair_sorter.h"

#include "fault_alloc.h"
#include "hostkey.h"
#include "rng.h"
#include "scale.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONGEST     ((size_t)300000)
#define MEMORY_MIN  ((uint64_t)2 << 20)
#define MEMORY_MUCH ((uint64_t)1 << 30)

/* Pair number `arrival`. Its value is a part of the source. */
typedef struct expected_pair {
    unsigned char ordered[DECODER_KEY_WIDTH_MAX]; /* see hostkey.h */
    unsigned char stored[DECODER_KEY_WIDTH_MAX];
    size_t arrival;
    uint32_t size;
} expected_pair;

enum size_kind { SIZES_SMALL = 1, SIZES_BIG = 2, SIZES_AT_LIMIT = 4, SIZES_LONG = 8 };

typedef struct sort_input {
    ikv_key_type type;
    size_t count;
    uint64_t keys;  /* number of different keys */
    unsigned sizes; /* bits of enum size_kind */
    bool latest_first;
    uint64_t memory;
} sort_input;

static unsigned char *source;

static const unsigned char *value_of(const expected_pair *pair)
{
    return source + pair->arrival * 7919 % LONGEST;
}

static uint32_t draw_size(rng_state *rng, unsigned kinds)
{
    for (;;)
        switch (1u << rng_below(rng, 4) & kinds) {
        case SIZES_SMALL:
            return (uint32_t)rng_below(rng, 100);
        case SIZES_BIG:
            return (uint32_t)rng_below(rng, 20000);
        case SIZES_AT_LIMIT:
            return (uint32_t)(IKV_PAIR_VALUE_MAX - 2 + rng_below(rng, 5));
        case SIZES_LONG:
            return (uint32_t)(IKV_PAIR_VALUE_MAX + rng_below(rng, LONGEST - IKV_PAIR_VALUE_MAX));
        default:
            break;
        }
}

static expected_pair *draw_pairs(const sort_input *input, rng_state *rng)
{
    expected_pair *pairs = must_malloc(input->count * sizeof(*pairs));

    memset(pairs, 0, input->count * sizeof(*pairs));
    for (size_t i = 0; i < input->count; i++) {
        unsigned char host[DECODER_KEY_WIDTH_MAX];

        hostkey_nth(input->type, rng_below(rng, input->keys), host);
        hostkey_to_ordered(input->type, host, pairs[i].ordered);
        hostkey_to_file(input->type, host, pairs[i].stored);
        pairs[i].arrival = i;
        pairs[i].size = draw_size(rng, input->sizes);
    }
    return pairs;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(((const expected_pair *)a)->ordered, ((const expected_pair *)b)->ordered,
                  DECODER_KEY_WIDTH_MAX);
}

static int earliest_first(const void *a, const void *b)
{
    const expected_pair *x = a;
    const expected_pair *y = b;
    const int order = by_key(a, b);

    return order ? order : (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

static int latest_first(const void *a, const void *b)
{
    const int order = by_key(a, b);

    return order ? order : earliest_first(b, a);
}

/* Long values in one call or, every other one, in pieces. */
static void add(struct ikv_pair_sorter *sorter, const expected_pair *pair)
{
    const unsigned char *value = value_of(pair);

    if (pair->size <= IKV_PAIR_VALUE_MAX || pair->arrival % 2 == 0) {
        assert_int_equal(ikv_pair_sorter_add(sorter, pair->stored, value, pair->size), 0);
        return;
    }
    assert_int_equal(ikv_pair_sorter_add_long(sorter, pair->stored, pair->size), 0);
    for (uint32_t at = 0; at < pair->size;) {
        const uint32_t rest = pair->size - at;
        const uint32_t n = rest < 50000 ? rest : 50000;

        assert_int_equal(ikv_pair_sorter_append(sorter, value + at, n), 0);
        at += n;
    }
}

static void assert_pair(struct ikv_pair_sorter *sorter, const struct ikv_sorted_pair *got,
                        const expected_pair *expected, size_t width)
{
    const unsigned char *value = value_of(expected);
    unsigned char piece[4096];

    assert_memory_equal(got->key, expected->stored, width);
    assert_int_equal(got->size, expected->size);
    if (expected->size <= IKV_PAIR_VALUE_MAX) {
        assert_non_null(got->value);
        assert_memory_equal(got->value, value, expected->size);
        return;
    }
    assert_null(got->value);
    for (uint32_t at = 0; at < expected->size;) {
        const uint32_t rest = expected->size - at;
        const uint32_t n = rest < sizeof(piece) ? rest : (uint32_t)sizeof(piece);

        assert_int_equal(ikv_pair_sorter_read(sorter, got, at, piece, n), 0);
        assert_memory_equal(piece, value + at, n);
        at += n;
    }
}

/* Sorts the pairs in both ways and compares. The sorter stays within its memory, except for small
 * structures. */
static struct ikv_pair_sorter_stats sort_and_compare(void **state, const sort_input *input)
{
    const tmpdir *dir = *state;
    rng_state rng = {input->count + input->sizes + input->type};
    expected_pair *pairs = draw_pairs(input, &rng);
    const size_t width = hostkey_width(input->type);
    struct ikv_pair_sorter_options options = {
        .memory = input->memory, .dir = dir->path, .latest_first = input->latest_first};
    struct ikv_pair_sorter *sorter = NULL;
    struct ikv_pair_sorter_stats stats;
    struct ikv_sorted_pair pair;

    assert_true(ikv_key_describe(input->type, &options.key));
    fault_alloc_start(FAULT_ALLOC_NONE, false);
    assert_int_equal(ikv_pair_sorter_new(&options, &sorter), 0);
    for (size_t i = 0; i < input->count; i++)
        add(sorter, &pairs[i]);
    assert_int_equal(ikv_pair_sorter_finish(sorter, NULL, NULL), 0);
    qsort(pairs, input->count, sizeof(*pairs), input->latest_first ? latest_first : earliest_first);
    for (size_t i = 0; i < input->count; i++) {
        assert_int_equal(ikv_pair_sorter_next(sorter, &pair), 1);
        assert_pair(sorter, &pair, &pairs[i], width);
    }
    assert_int_equal(ikv_pair_sorter_next(sorter, &pair), 0);
    ikv_pair_sorter_stats(sorter, &stats);
    ikv_pair_sorter_free(sorter);
    assert_in_range(fault_alloc_stop().peak, 1, input->memory + (64u << 10));
    assert_int_equal(stats.pairs, input->count);
    assert_int_equal(tmpdir_count(dir), 0);
    free(pairs);
    return stats;
}

static void in_memory(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 1000, 20000};

    for (size_t t = 0; t < hostkey_type_count; t++)
        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
            for (int latest = 0; latest <= 1; latest++) {
                const sort_input input = {.type = hostkey_types[t],
                                          .count = counts[c],
                                          .keys = 1 + counts[c] * (t % 3 + 1) / 3,
                                          .sizes = SIZES_SMALL,
                                          .latest_first = latest,
                                          .memory = MEMORY_MUCH};

                if (!test_in_sample(t * 16 + c, hostkey_type_count * 16, 40))
                    continue;
                const struct ikv_pair_sorter_stats stats = sort_and_compare(state, &input);
                assert_int_equal(stats.runs, 0);
                assert_int_equal(stats.passes, 0);
                assert_int_equal(stats.spilled_bytes, 0);
            }
}

/* Long values are written to a file even if there is enough memory. */
static void long_values(void **state)
{
    for (int latest = 0; latest <= 1; latest++)
        for (unsigned sizes = SIZES_AT_LIMIT; sizes < 16; sizes += SIZES_AT_LIMIT) {
            const sort_input input = {.type = IKV_KEY_U64,
                                      .count = 200,
                                      .keys = 150,
                                      .sizes = sizes | (latest ? SIZES_SMALL : 0),
                                      .latest_first = latest,
                                      .memory = MEMORY_MUCH};
            const struct ikv_pair_sorter_stats stats = sort_and_compare(state, &input);

            assert_int_equal(stats.runs, 0);
            assert_true(stats.spilled_bytes > IKV_PAIR_VALUE_MAX);
        }
}

static void several_passes(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U32,      IKV_KEY_I64,      IKV_KEY_U128,
                                         IKV_KEY_BYTES(1), IKV_KEY_BYTES(9), IKV_KEY_BYTES(128)};

    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
        for (int latest = 0; latest <= 1; latest++) {
            const sort_input input = {.type = types[t],
                                      .count = 4000,
                                      .keys = t % 2 ? 200 : 60, /* equal keys in all runs */
                                      .sizes = SIZES_SMALL | SIZES_BIG | SIZES_AT_LIMIT,
                                      .latest_first = latest,
                                      .memory = MEMORY_MIN};

            if (!test_in_sample(2 * t + (size_t)latest, 12, 4))
                continue;
            const struct ikv_pair_sorter_stats stats = sort_and_compare(state, &input);
            assert_true(stats.runs > 1);
            assert_true(stats.passes > 1);
        }
}

/* Pair counts around the one that no longer fits into memory. */
static void around_the_first_spill(void **state)
{
    size_t spilled = 0;
    size_t unspilled = 0;

    for (size_t count = 10600; count < 11800; count++) {
        if (!test_in_sample(count, 1200, 20))
            continue;
        const sort_input input = {.type = IKV_KEY_U64,
                                  .count = count,
                                  .keys = 5000,
                                  .sizes = SIZES_SMALL,
                                  .latest_first = count % 2,
                                  .memory = MEMORY_MIN};
        const bool has_runs = sort_and_compare(state, &input).runs > 0;

        spilled += has_runs;
        unspilled += !has_runs;
    }
    assert_true(spilled > 0 && unspilled > 0);
}

static int cancel(void *user, const ikv_progress *progress)
{
    assert_string_equal(progress->phase, "merge");
    assert_true(progress->done <= progress->total);
    ++*(int *)user;
    return 1;
}

static void merging_can_be_canceled(void **state)
{
    const tmpdir *dir = *state;
    struct ikv_pair_sorter_options options = {.memory = MEMORY_MIN, .dir = dir->path};
    struct ikv_pair_sorter *sorter = NULL;
    rng_state rng = {1};
    int calls = 0;

    assert_true(ikv_key_describe(IKV_KEY_U64, &options.key));
    assert_int_equal(ikv_pair_sorter_new(&options, &sorter), 0);
    for (size_t i = 0; i < 400000; i++) {
        const uint64_t key = rng_next(&rng);
        assert_int_equal(ikv_pair_sorter_add(sorter, (const unsigned char *)&key, source, 8), 0);
    }
    assert_int_equal(ikv_pair_sorter_finish(sorter, cancel, &calls), IKV_E_CANCELED);
    assert_int_equal(calls, 1);
    ikv_pair_sorter_free(sorter);
    ikv_pair_sorter_free(NULL);
    assert_int_equal(tmpdir_count(dir), 0);
}

static int set_up(void **state)
{
    rng_state rng = {42};

    source = must_malloc(2 * LONGEST);
    rng_fill(&rng, source, 2 * LONGEST);
    return tmpdir_setup(state);
}

static int tear_down(void **state)
{
    free(source);
    return tmpdir_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),
        cmocka_unit_test(long_values),
        cmocka_unit_test(several_passes),
        cmocka_unit_test(around_the_first_spill),
        cmocka_unit_test(merging_can_be_canceled),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
