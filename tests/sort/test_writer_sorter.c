/* The sorter and its parts, in cases that would need millions of pairs through the public
 * interface: many runs, several merge passes, runs that continue each other, tapes that spill. */
#include "core/output/tape.h"
#include "core/sort/sort.h"
#include "core/sort/sorter.h"

#include "rng.h"
#include "scale.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int make_directory(void **state)
{
    tmpdir *dir = must_malloc(sizeof(*dir));
    tmpdir_make_in_memory(dir);
    *state = dir;
    return 0;
}

static int remove_directory(void **state)
{
    tmpdir_remove(*state);
    free(*state);
    return 0;
}

typedef enum input_order {
    INPUT_RANDOM,
    INPUT_SORTED,
    INPUT_REVERSED,
    INPUT_FEW_VALUES,    /* few values of all words but the last */
    INPUT_LATE_WORDS,    /* only the last words differ */
    INPUT_SORTED_RUNS,   /* ascending runs */
    INPUT_ALMOST_SORTED, /* sorted except for two entries */
    INPUT_ORDERS
} input_order;

/* Padded to the maximum width, since qsort does not pass the number of words to the comparison. */
typedef struct wide_entry {
    uint64_t words[IKV_ENTRY_WORDS_MAX];
} wide_entry;

static int by_words(const void *a, const void *b)
{
    const wide_entry *const *x = a;
    const wide_entry *const *y = b;
    for (size_t i = 0; i < IKV_ENTRY_WORDS_MAX; i++) {
        if ((*x)->words[i] != (*y)->words[i])
            return (*x)->words[i] < (*y)->words[i] ? -1 : 1;
    }
    return 0;
}

/* The reference: qsort, of pointers, since entries are large. */
static void sort_by_qsort(wide_entry *entries, size_t count)
{
    const wide_entry **order = must_malloc(count * sizeof(const wide_entry *));
    wide_entry *sorted = must_malloc(count * sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        order[i] = &entries[i];
    qsort(order, count, sizeof(const wide_entry *), by_words);
    for (size_t i = 0; i < count; i++)
        sorted[i] = *order[i];
    memcpy(entries, sorted, count * sizeof(*sorted));
    free(order);
    free(sorted);
}

/* Entries of `words` words. The last word is the number of the entry, so that all are distinct. */
static void fill(wide_entry *entries, size_t count, uint32_t words, input_order order)
{
    rng_state rng = {count + words * 1000 + (uint64_t)order};
    memset(entries, 0, count * sizeof(*entries));
    for (size_t i = 0; i < count; i++) {
        uint64_t *entry = entries[i].words;
        for (uint32_t w = 0; w + 1 < words; w++) {
            if (order == INPUT_FEW_VALUES)
                entry[w] = rng_below(&rng, 3) << (8 * (w % 8));
            else if (order == INPUT_LATE_WORDS)
                entry[w] = w + 2 < words ? 42 : rng_next(&rng);
            else if (order == INPUT_SORTED_RUNS)
                entry[w] = i % 1000;
            else
                entry[w] = rng_next(&rng) >> (rng_below(&rng, 2) * 40);
        }
        entry[words - 1] = i;
    }
    if (order == INPUT_SORTED || order == INPUT_REVERSED || order == INPUT_ALMOST_SORTED)
        sort_by_qsort(entries, count);
    for (size_t i = 0; order == INPUT_REVERSED && i < count / 2; i++) {
        wide_entry swap = entries[i];
        entries[i] = entries[count - 1 - i];
        entries[count - 1 - i] = swap;
    }
    if (order == INPUT_ALMOST_SORTED && count > 2) {
        wide_entry swap = entries[0];
        entries[0] = entries[count / 2];
        entries[count / 2] = swap;
    }
}

static void print_case(const char *what, size_t count, uint32_t words, int order)
{
    print_error("%s: %zu entries of %u words, order %d\n", what, count, (unsigned)words, order);
}

/* ---------------------------------------------------------------- in memory */

static void sort_and_compare(size_t count, uint32_t words, input_order order)
{
    wide_entry *expected = must_malloc(count * sizeof(*expected));
    uint64_t *entries = must_malloc(count * words * sizeof(*entries));
    uint64_t *scratch = must_malloc(count * words * sizeof(*scratch));

    fill(expected, count, words, order);
    for (size_t i = 0; i < count; i++)
        memcpy(entries + i * words, expected[i].words, words * sizeof(*entries));
    ikv_sort_entries(entries, scratch, count, words);
    sort_by_qsort(expected, count);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(entries + i * words, expected[i].words, words * sizeof(*entries)) != 0) {
            print_case("sort", count, words, (int)order);
            fail_msg("entry %zu is wrong", i);
        }
    }
    free(expected);
    free(entries);
    free(scratch);
}

static void entries_are_sorted_by_all_words(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 31, 32, 33, 100, 5000, 70000};
    static const uint32_t widths[] = {1, 2, 3, 4, 17};
    const size_t width_count = sizeof(widths) / sizeof(widths[0]);
    (void)state;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
        for (size_t w = 0; w < width_count; w++)
            for (int order = 0; order < INPUT_ORDERS; order++)
                if (counts[c] < 1000 || test_in_sample(w * INPUT_ORDERS + (size_t)order,
                                                       width_count * INPUT_ORDERS, 16))
                    sort_and_compare(counts[c], widths[w], (input_order)order);
}

/* ---------------------------------------------------------------- runs */

#define RUN 16384 /* entries of a run with minimum memory */

static struct ikv_sorter_stats sort_in_runs(const tmpdir *dir, size_t count, uint32_t words,
                                            input_order order, uint64_t memory)
{
    wide_entry *entries = must_malloc(count * sizeof(*entries));
    struct ikv_sorter_options options = {.words = words, .memory = memory, .dir = dir->path};
    struct ikv_sorter *sorter = NULL;
    struct ikv_sorter_stats stats;
    int code;

    fill(entries, count, words, order);
    assert_int_equal(ikv_sorter_new(&options, &sorter), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ikv_sorter_add(sorter, entries[i].words), 0);
    assert_int_equal(ikv_sorter_finish(sorter, NULL, NULL), 0);
    sort_by_qsort(entries, count);
    for (size_t i = 0; i < count; i++) {
        const uint64_t *entry = ikv_sorter_next(sorter, &code);
        if (entry == NULL || memcmp(entry, entries[i].words, words * sizeof(*entry)) != 0) {
            print_case("runs", count, words, (int)order);
            fail_msg("entry %zu is wrong", i);
        }
    }
    assert_null(ikv_sorter_next(sorter, &code));
    assert_int_equal(code, 0);
    ikv_sorter_stats(sorter, &stats);
    ikv_sorter_free(sorter);
    assert_int_equal(stats.entries, count);
    assert_int_equal(tmpdir_count(dir), 0);
    free(entries);
    return stats;
}

static void runs_are_merged(void **state)
{
    static const size_t counts[] = {RUN - 1,     RUN,         RUN + 1,     2 * RUN,
                                    2 * RUN + 1, 3 * RUN - 1, 7 * RUN + 5, 9 * RUN};
    const size_t cases = INPUT_ORDERS * sizeof(counts) / sizeof(counts[0]);
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        for (int order = 0; order < INPUT_ORDERS; order++) {
            if (!test_in_sample(c * INPUT_ORDERS + (size_t)order, cases, 24))
                continue;
            struct ikv_sorter_stats stats =
                sort_in_runs(*state, counts[c], 2, (input_order)order, 0);
            assert_int_equal(stats.runs, counts[c] <= RUN ? 0 : (counts[c] + RUN - 1) / RUN);
            assert_int_equal(stats.input_sorted, order == INPUT_SORTED);
            assert_int_equal(stats.passes > 0, stats.runs > 0);
        }
    }
}

/* With minimum memory, two runs are merged at a time: the number of passes is the logarithm. */
static void many_runs_take_several_passes(void **state)
{
    struct ikv_sorter_stats stats = sort_in_runs(*state, 33 * RUN, 2, INPUT_RANDOM, 0);
    assert_int_equal(stats.runs, 33);
    assert_int_equal(stats.passes, 6);
    assert_true(stats.spilled_bytes >= 33u * RUN * 16u * 6u);
    stats = sort_in_runs(*state, 33 * RUN, 2, INPUT_FEW_VALUES, 0);
    assert_int_equal(stats.passes, 6);
    /* Runs that continue each other are joined. */
    stats = sort_in_runs(*state, 33 * RUN, 2, INPUT_SORTED, 0);
    assert_int_equal(stats.passes, 1);
    stats = sort_in_runs(*state, 5 * RUN + 7, 17, INPUT_LATE_WORDS, 0);
    assert_int_equal(stats.passes, 3);
}

static int cancel_at_once(void *user, const ikv_progress *progress)
{
    assert_string_equal(progress->phase, "merge");
    assert_true(progress->done <= progress->total);
    ++*(int *)user;
    return 1;
}

static void merging_can_be_canceled(void **state)
{
    const size_t count = 70 * RUN; /* progress is reported every million entries */
    struct ikv_sorter_options options = {.words = 2, .dir = ((tmpdir *)*state)->path};
    struct ikv_sorter *sorter = NULL;
    rng_state rng = {1};
    int calls = 0;

    assert_int_equal(ikv_sorter_new(&options, &sorter), 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t entry[2] = {rng_next(&rng), i};
        assert_int_equal(ikv_sorter_add(sorter, entry), 0);
    }
    assert_int_equal(ikv_sorter_finish(sorter, cancel_at_once, &calls), IKV_E_CANCELED);
    assert_int_equal(calls, 1);
    ikv_sorter_free(sorter);
    assert_int_equal(tmpdir_count(*state), 0);
}

/* ---------------------------------------------------------------- tapes */

static void assert_tape_holds(const struct ikv_tape *tape, const unsigned char *expected,
                              size_t size)
{
    unsigned char *back = must_malloc(size);
    assert_int_equal(ikv_tape_size(tape), size);
    assert_int_equal(ikv_tape_read(tape, 0, back, size), 0);
    assert_memory_equal(back, expected, size);
    for (size_t at = 0; at < size; at += size / 17 + 1) {
        size_t length = (size - at) / 3;
        assert_int_equal(ikv_tape_read(tape, at, back, length), 0);
        assert_memory_equal(back, expected + at, length);
    }
    free(back);
}

static void tapes_return_what_was_appended(void **state)
{
    const tmpdir *dir = *state;
    const size_t buffer = (size_t)1 << 18;
    const size_t sizes[] = {0, 1, 8, buffer - 1, buffer, buffer + 1, 3 * buffer, 3 * buffer + 9};
    unsigned char *bytes = must_malloc(8 * buffer);
    rng_state rng = {2};

    rng_fill(&rng, bytes, 8 * buffer);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t cut = 0; cut <= sizes[i]; cut += sizes[i] / 5 + 1) {
            struct ikv_tape tape;
            size_t added = 0;
            ikv_tape_init(&tape, dir->path);
            while (added < sizes[i]) {
                size_t piece = (size_t)rng_below(&rng, 9000) + 1;
                piece = piece < sizes[i] - added ? piece : sizes[i] - added;
                assert_int_equal(ikv_tape_append(&tape, bytes + added, piece), 0);
                added += piece;
            }
            assert_tape_holds(&tape, bytes, sizes[i]);
            assert_int_equal(ikv_tape_truncate(&tape, cut), 0);
            assert_tape_holds(&tape, bytes, cut);
            assert_int_equal(ikv_tape_append(&tape, bytes + cut, 2 * buffer + 3), 0);
            assert_tape_holds(&tape, bytes, cut + 2 * buffer + 3);
            ikv_tape_free(&tape);
        }
    }
    assert_int_equal(tmpdir_count(dir), 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_sorted_by_all_words),
        cmocka_unit_test(runs_are_merged),
        cmocka_unit_test(many_runs_take_several_passes),
        cmocka_unit_test(merging_can_be_canceled),
        cmocka_unit_test(tapes_return_what_was_appended),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
