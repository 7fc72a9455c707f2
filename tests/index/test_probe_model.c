/*
 * The naive model of the search, compared with examples counted by hand and with known numbers of
 * the original crate. Tests that use the model check its answers (test_probe_counts).
 */
#include "indexkv.h"

#include "probe_keys.h"
#include "probe_model.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* 700 keys of two bytes: entry i has the key 2 * i + 1. */
static unsigned char odd_numbers[700][2];

static int fill_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(odd_numbers); i++) {
        odd_numbers[i][0] = (unsigned char)((2 * i + 1) >> 8);
        odd_numbers[i][1] = (unsigned char)((2 * i + 1) & 0xff);
    }
    return 0;
}

struct example {
    size_t entries;
    size_t stride;
    size_t page_size;
    size_t fence_step;
    ikv_match match;
    size_t key_count;
    unsigned keys[8]; /* odd ones are present */
    uint64_t levels[8];
};

static const struct example examples[] = {
    /* Seven entries are a tree of three levels: 3 | 1 5 | 0 2 4 6. */
    {7, 16, PROBE_ENTRIES, 0, IKV_EXACT, 0, {0}, {0}},
    {7, 16, PROBE_ENTRIES, 0, IKV_EXACT, 1, {7}, {1}},
    {7, 16, PROBE_ENTRIES, 0, IKV_EXACT, 1, {3}, {1, 1}},
    {7, 16, PROBE_ENTRIES, 0, IKV_EXACT, 1, {5}, {1, 1, 1}},
    {7, 16, PROBE_ENTRIES, 0, IKV_EXACT, 1, {6}, {1, 1, 1}},
    {7, 16, PROBE_ENTRIES, 0, IKV_FLOOR, 1, {0}, {1, 1, 1}},
    {7, 16, PROBE_ENTRIES, 0, IKV_EXACT, 7, {1, 3, 5, 7, 9, 11, 13}, {1, 2, 4}},
    {7, 16, PROBE_ENTRIES, 0, IKV_EXACT, 2, {1, 13}, {1, 2, 2}},
    {0, 16, PROBE_ENTRIES, 0, IKV_CEILING, 1, {1}, {0}},
    /* 256 entries a page: 0 to 511, 512 to 1023, 1024 to 1399. The middle page is the second. */
    {700, 16, 4096, 0, IKV_EXACT, 1, {600}, {1}},
    {700, 16, 4096, 0, IKV_EXACT, 3, {0, 600, 1399}, {1, 2}},
    {700, 16, 4096, 0, IKV_FLOOR, 1, {1400}, {1, 1}},
    /* 170.7 entries of 24 bytes a slice: 171 begin in each of the first two, 170 in the third, and
     * so on; 5 pages, the third begins with entry 342, the fourth with 512. */
    {700, 24, 4096, 0, IKV_EXACT, 1, {685}, {1}},
    {700, 24, 4096, 0, IKV_EXACT, 1, {683}, {1, 1}},
    {700, 24, 4096, 0, IKV_EXACT, 1, {1023}, {1}},
    {700, 24, 4096, 0, IKV_EXACT, 1, {1025}, {1, 1, 1}},
    /* Every fence: one probe. A ceiling after the last key of a page probes the next page, too. */
    {700, 16, 4096, 1, IKV_EXACT, 3, {0, 600, 1399}, {2}},
    {700, 16, 4096, 1, IKV_CEILING, 1, {511}, {1}},
    {700, 16, 4096, 1, IKV_CEILING, 1, {512}, {1, 1}},
    {700, 16, 4096, 1, IKV_CEILING, 1, {0}, {1}},
    {700, 16, 4096, 1, IKV_CEILING, 1, {1400}, {1}},
    {700, 16, 4096, 1, IKV_FLOOR, 2, {0, 512}, {1}},
    /* Every other fence: pages 0 and 1 are one chunk. */
    {700, 16, 4096, 2, IKV_EXACT, 2, {1, 1399}, {2, 1}},
    {700, 16, 4096, 2, IKV_CEILING, 1, {1024}, {1, 1}},
};

static void model_of(size_t entries, size_t stride, size_t page_size, size_t fence_step,
                     probe_model *ret)
{
    probe_model_init(ret, odd_numbers[0], 2, entries, stride, page_size, fence_step);
}

static void examples_counted_by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        const struct example *e = &examples[i];
        unsigned char keys[8][2];
        size_t answers[8];
        probe_model model;
        probe_counts counts;

        for (size_t key = 0; key < e->key_count; key++) {
            keys[key][0] = (unsigned char)(e->keys[key] >> 8);
            keys[key][1] = (unsigned char)(e->keys[key] & 0xff);
        }
        model_of(e->entries, e->stride, e->page_size, e->fence_step, &model);
        probe_model_search(&model, keys[0], e->key_count, e->match, answers, &counts);
        for (size_t level = 0; level < IKV_LEVELS_MAX; level++) {
            uint64_t expected = level < COUNT_OF(e->levels) ? e->levels[level] : 0;

            if (counts.level[level] != expected)
                fail_msg("example %zu, level %zu: %llu probes, not %llu", i, level,
                         (unsigned long long)counts.level[level], (unsigned long long)expected);
        }
        probe_model_free(&model);
    }
}

/* Entries 0 and 6 of seven. The correct search reads 3 | 1 5 | 0 6. If the key of 6 is also
 * searched in the left half, it is searched in vain at 1 and 2. If right halves begin with their
 * middle, 2 is read twice: as the middle of 1 and 2, then as their right half. */
static void original_counted_by_hand(void **state)
{
    static const unsigned char keys[2][2] = {{0, 1}, {0, 13}};
    static const uint64_t too_many[] = {1, 2, 3};
    static const uint64_t again[] = {1, 2, 3, 1};
    probe_model model;
    probe_counts counts;

    (void)state;
    model_of(7, 16, PROBE_ENTRIES, 0, &model);
    probe_model_original(&model, keys[0], 2, ORIGINAL_EXTRA_KEY, &counts);
    assert_int_equal(counts.levels, COUNT_OF(too_many));
    assert_memory_equal(counts.level, too_many, sizeof(too_many));
    probe_model_original(&model, keys[0], 2, ORIGINAL_MIDDLE_AGAIN, &counts);
    assert_int_equal(counts.levels, COUNT_OF(again));
    assert_memory_equal(counts.level, again, sizeof(again));
    /* A single key has no neighbor that could be searched in vain. */
    probe_model_original(&model, keys[0], 1, ORIGINAL_EXTRA_KEY, &counts);
    assert_int_equal(counts.total, 3);
    probe_model_free(&model);
}

/* 1,000 random keys of 10^6: the original takes 33 reads per key, where 9 are enough. */
static void probes_of_the_original(void **state)
{
    rng_state random = {33};
    probe_keys index;
    probe_model model;
    uint64_t correct = 0;
    uint64_t too_many = 0;
    uint64_t again = 0;

    (void)state;
    probe_keys_spread(&random, 1000000, &index);
    probe_model_init(&model, index.keys, index.width, index.count, 16, PROBE_ENTRIES, 0);
    for (int round = 0; round < 5; round++) {
        size_t answers[1000];
        probe_keys batch;
        probe_counts counts;

        probe_keys_sample(&random, &index, 1000, &batch);
        probe_model_search(&model, batch.keys, batch.count, IKV_EXACT, answers, &counts);
        correct += counts.total;
        probe_model_original(&model, batch.keys, batch.count, ORIGINAL_EXTRA_KEY, &counts);
        too_many += counts.total;
        probe_model_original(&model, batch.keys, batch.count, ORIGINAL_MIDDLE_AGAIN, &counts);
        again += counts.total;
        probe_keys_free(&batch);
    }
    print_message("reads per key: %.2f; original: %.2f, with repeated middle: %.2f\n",
                  (double)correct / 5000, (double)too_many / 5000, (double)again / 5000);
    assert_in_range(correct, 8500 * 5, 10500 * 5);
    assert_in_range(too_many, 24000 * 5, 26500 * 5);
    assert_in_range(again, 31500 * 5, 34000 * 5);
    probe_model_free(&model);
    probe_keys_free(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_counted_by_hand),
        cmocka_unit_test(original_counted_by_hand),
        cmocka_unit_test(probes_of_the_original),
    };

    return cmocka_run_group_tests(tests, fill_numbers, NULL);
}
