/* Builds that exceed their memory: they give the same bytes as others, keep within the memory, and
 * leave no temporary files. */
#include "fault_alloc.h"
#include "hostkey.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"
#include "written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIN_MEMORY (UINT64_C(8) << 20)

typedef enum arrival { ARRIVAL_SORTED, ARRIVAL_REVERSED, ARRIVAL_SHUFFLED } arrival;

/* A generated sequence of pairs: key and value of pair i are functions of i. */
typedef struct sequence {
    ikv_key_type type;
    uint64_t count;
    arrival arrival;
    uint64_t repeat; /* one in this many pairs repeats an earlier key; 0: none */
    uint64_t next;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    unsigned char value[32];
} sequence;

/* A permutation of 0 .. count-1: an odd factor modulo a power of two, iterated until in range. */
static uint64_t permute(uint64_t i, uint64_t count)
{
    uint64_t mask = 1;
    while (mask < count)
        mask *= 2;
    do
        i = (i * UINT64_C(0x9e3779b97f4a7c15) + 12345) & (mask - 1);
    while (i >= count);
    return i;
}

static void key_of(const sequence *pairs, uint64_t i, void *ret_key)
{
    uint64_t number = i;
    if (pairs->repeat > 0 && i >= pairs->count / 2 && i % pairs->repeat == 0)
        number = i - pairs->count / 2;
    if (pairs->arrival == ARRIVAL_REVERSED)
        number = pairs->count - 1 - number;
    else if (pairs->arrival == ARRIVAL_SHUFFLED)
        number = permute(number, pairs->count);
    hostkey_nth(pairs->type, number, ret_key);
}

static size_t value_of(uint64_t i, unsigned char *ret_value)
{
    for (size_t at = 0; at < 32; at++)
        ret_value[at] = (unsigned char)(i >> (at % 8 * 8));
    return i % 24;
}

static int next_pair(void *user, ikv_pair *pair)
{
    sequence *pairs = user;
    if (pairs->next == pairs->count)
        return 0;
    key_of(pairs, pairs->next, pairs->key);
    *pair = (ikv_pair){pairs->key, pairs->value, value_of(pairs->next, pairs->value)};
    pairs->next++;
    return 1;
}

static ikv_build_stats build(const char *path, sequence pairs, const ikv_writer_options *options)
{
    ikv_build_stats stats;
    ikv_error err;
    memset(&stats, 0xff, sizeof(stats));
    pairs.next = 0;
    assert_ok(ikv_build(path, options, next_pair, &pairs, &stats, &err), &err);
    return stats;
}

/* Looks up some of the pairs, and verifies the file. */
static void assert_sample(const char *path, const sequence *pairs)
{
    ikv_store *store = store_open(path, pairs->type, 0, 0);
    ikv_result *result = NULL;
    ikv_error err;
    rng_state rng = {pairs->count};

    assert_ok(ikv_verify(path, NULL, NULL, NULL, &err), &err);
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t n = 0; n < 500; n++) {
        uint64_t i = rng_below(&rng, pairs->count / 2); /* the later half repeats keys */
        unsigned char key[IKV_KEY_WIDTH_MAX];
        unsigned char value[32];
        size_t size = value_of(i, value);
        if (pairs->repeat > 0)
            continue;
        key_of(pairs, i, key);
        assert_ok(ikv_get(store, key, NULL, result, &err), &err);
        const ikv_item *item = ikv_result_items(result);
        assert_int_equal(item->size, size);
        assert_memory_equal(item->value, value, size);
    }
    ikv_result_free(result);
    ikv_close(store);
}

/* At most what a clustered store collects of its index for the base format, in any memory. */
static uint64_t collected_bytes(const sequence *pairs)
{
    const decoder_layout layout = hostkey_layout(pairs->type, 0);

    return store_layout() == IKV_LAYOUT_CLUSTERED ? pairs->count * layout.stride : 0;
}

/* Builds with ample and with minimum memory, and compares. */
static ikv_build_stats spill_and_compare(const sequence *pairs, ikv_duplicates policy)
{
    tmpdir dir;
    tmpdir spills;
    tmpdir_make_in_memory(&dir);
    tmpdir_make_in_memory(&spills);
    char *whole = tmpdir_file(&dir, "whole");
    char *spilled = tmpdir_file(&dir, "spilled");
    ikv_writer_options options = store_options(pairs->type);
    options.on_duplicate = policy;
    options.memory = UINT64_C(4) << 30;

    ikv_build_stats expected = build(whole, *pairs, &options);
    assert_int_equal(expected.spilled_runs, 0);
    assert_true(expected.spilled_bytes <= collected_bytes(pairs));
    options.memory = MIN_MEMORY;
    options.temp_dir = spills.path;
    fault_alloc_start(FAULT_ALLOC_NONE, false);
    ikv_build_stats stats = build(spilled, *pairs, &options);
    size_t peak = fault_alloc_stop().peak;
    assert_same_file(whole, spilled);
    assert_sample(spilled, pairs);
    if (peak > MIN_MEMORY)
        fail_msg("peak memory: %zu bytes", peak);
    print_message("%llu runs, %llu bytes spilled, %llu passes; peak memory %zu bytes\n",
                  (unsigned long long)stats.spilled_runs, (unsigned long long)stats.spilled_bytes,
                  (unsigned long long)stats.merge_passes, peak);

    assert_int_equal(stats.pairs, expected.pairs);
    assert_int_equal(stats.dropped, expected.dropped);
    assert_int_equal(stats.value_bytes, expected.value_bytes);
    assert_int_equal(stats.file_size, expected.file_size);
    assert_int_equal(stats.file_size, file_size(spilled));
    assert_int_equal(stats.input_sorted, expected.input_sorted);
    assert_true(stats.spilled_bytes > 0);
    assert_int_equal(tmpdir_count(&spills), 0);
    assert_int_equal(tmpdir_count(&dir), 2);
    free(whole);
    free(spilled);
    tmpdir_remove(&dir);
    tmpdir_remove(&spills);
    return stats;
}

/* A quarter of each count still spills several runs. */
static size_t many(size_t count)
{
    return test_scaled_min(count, count / 4);
}

static void narrow_keys(void **state)
{
    (void)state;
    for (int order = ARRIVAL_SORTED; order <= ARRIVAL_SHUFFLED; order++) {
        sequence pairs = {.type = IKV_KEY_U64, .count = many(1000000), .arrival = (arrival)order};
        ikv_build_stats stats = spill_and_compare(&pairs, IKV_DUPLICATES_ERROR);
        if (order != ARRIVAL_SORTED || store_layout() == IKV_LAYOUT_ARRIVAL)
            assert_true(stats.spilled_runs >= 1);
        assert_int_equal(stats.input_sorted, order == ARRIVAL_SORTED);
    }
}

/* The widest keys, in more runs than one merge pass can take. */
static void wide_keys_in_several_passes(void **state)
{
    (void)state;
    /* 300,000 pairs are needed for a second pass. */
    const size_t min = test_is_sanitized() ? 150000 : 300000;
    sequence pairs = {.type = IKV_KEY_BYTES(128),
                      .count = test_scaled_min(600000, min),
                      .arrival = ARRIVAL_SHUFFLED};
    ikv_build_stats stats = spill_and_compare(&pairs, IKV_DUPLICATES_ERROR);
    if (!test_is_sanitized())
        assert_true(stats.merge_passes > 1);
}

static void duplicates_across_runs(void **state)
{
    (void)state;
    for (int policy = IKV_DUPLICATES_FIRST; policy <= IKV_DUPLICATES_LAST; policy++) {
        sequence pairs = {
            .type = IKV_KEY_I64, .count = many(800000), .arrival = ARRIVAL_SHUFFLED, .repeat = 3};
        ikv_build_stats stats = spill_and_compare(&pairs, (ikv_duplicates)policy);
        assert_true(stats.dropped > pairs.count / 7);
        assert_int_equal(stats.pairs + stats.dropped, pairs.count);
    }
}

/* Enough dropped pairs for their positions to be spilled, too. */
static void one_key_for_half_of_the_pairs(void **state)
{
    (void)state;
    for (int policy = IKV_DUPLICATES_FIRST; policy <= IKV_DUPLICATES_LAST; policy++) {
        sequence pairs = {
            .type = IKV_KEY_U32, .count = many(1400000), .arrival = ARRIVAL_SORTED, .repeat = 1};
        ikv_build_stats stats = spill_and_compare(&pairs, (ikv_duplicates)policy);
        assert_int_equal(stats.dropped, pairs.count / 2);
    }
}

static void duplicate_across_runs_is_an_error(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_make_in_memory(&dir);
    char *path = tmpdir_file(&dir, "store");
    sequence pairs = {.type = IKV_KEY_U64, .count = many(800000), .arrival = ARRIVAL_SHUFFLED};
    ikv_writer_options options = store_options(pairs.type);
    ikv_error err;

    /* One pair in the later half repeats a key. */
    pairs.repeat = pairs.count - 1;
    options.memory = MIN_MEMORY;
    assert_failed(ikv_build(path, &options, next_pair, &pairs, NULL, &err), IKV_E_DUPLICATE, &err,
                  path);
    unsigned char key[IKV_KEY_WIDTH_MAX];
    key_of(&pairs, pairs.count - 1, key);
    assert_int_equal(err.key_type, pairs.type);
    assert_memory_equal(err.key, key, hostkey_width(pairs.type));
    assert_int_equal(tmpdir_count(&dir), 0);
    free(path);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrow_keys),
        cmocka_unit_test(wide_keys_in_several_passes),
        cmocka_unit_test(duplicates_across_runs),
        cmocka_unit_test(one_key_for_half_of_the_pairs),
        cmocka_unit_test(duplicate_across_runs_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
