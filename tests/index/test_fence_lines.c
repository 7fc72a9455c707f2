/* Rounded fences: every rank is within the range that they give, ranges are narrow, and lookups in
 * a store that has them take one read. */
#include "core/fences/fence_lines.h"

#include "hostkey.h"
#include "rng.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum spread { UNIFORM, DENSE, RUNS, EXTREMES };

static uint64_t next_fence(rng_state *rng, enum spread spread, uint64_t last, uint64_t i,
                           uint64_t count)
{
    switch (spread) {
    case UNIFORM:
        return UINT64_MAX / count * i + rng_below(rng, UINT64_MAX / count);
    case DENSE:
        return last + 1 + rng_below(rng, 3);
    case RUNS:
        return last + (rng_below(rng, 20) == 0 ? (uint64_t)1 << (20 + rng_below(rng, 25)) : 1);
    default:
        return i == 0 ? 0 : i + 1 == count ? UINT64_MAX : last + ((uint64_t)1 << 40);
    }
}

static int compare(const uint64_t *a, const uint64_t *b, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static uint64_t naive_rank(const uint64_t *fences, uint64_t count, uint32_t words,
                           const uint64_t *key)
{
    uint64_t rank = 0;
    while (rank < count && compare(fences + rank * words, key, words) <= 0)
        rank++;
    return rank;
}

/* Two words: the first is the same in all fences, or it decides and the second is random. */
static void fill(rng_state *rng, uint64_t *fences, uint64_t count, uint32_t words,
                 enum spread spread, bool shared)
{
    uint64_t last = 0;
    for (uint64_t i = 0; i < count; i++) {
        last = next_fence(rng, spread, last, i, count);
        fences[i * words + (words > 1 && shared)] = last;
        if (words > 1)
            fences[i * words + !shared] = shared ? 77 : rng_next(rng);
    }
}

static void ranks_are_in_range(void **state)
{
    static const uint64_t counts[] = {1, 2, 14, 15, 16, 30, 31, 1000};
    rng_state rng = {41};
    (void)state;

    for (unsigned round = 0; round < 8 * 4 * 3; round++) {
        const uint64_t count = counts[round % 8];
        const enum spread spread = (enum spread)(round / 8 % 4);
        const uint32_t words = round / 32 ? 2 : 1;
        uint64_t *fences = must_malloc(count * words * sizeof *fences);
        struct ikv_fence_lines lines;
        uint64_t wide = 0;
        fill(&rng, fences, count, words, spread, round / 32 == 1);
        assert_int_equal(
            ikv_fence_lines_new(&lines, count, fences, fences + (count - 1) * words, words), 0);
        for (uint64_t i = 0; i < count; i++)
            ikv_fence_lines_add(&lines, fences + i * words);
        ikv_fence_lines_end(&lines);
        for (unsigned k = 0; k < 2000; k++) {
            uint64_t key[2] = {rng_next(&rng), rng_next(&rng)};
            if (k % 2) { /* at a fence, or next to one */
                memcpy(key, fences + rng_below(&rng, count) * words, words * sizeof key[0]);
                key[words - 1] += rng_below(&rng, 3) - 1;
            }
            const uint64_t rank = naive_rank(fences, count, words, key);
            const struct ikv_fence_range range = ikv_fence_lines_rank(&lines, key, 0);
            assert_true(range.at_least <= rank && rank <= range.at_most);
            assert_true(range.at_most <= count);
            wide += range.at_most - range.at_least > 1;
            /* From any smaller rank on it is the same. */
            const struct ikv_fence_range again =
                ikv_fence_lines_rank(&lines, key, rng_below(&rng, range.at_least + 1));
            assert_int_equal(again.at_least, range.at_least);
            assert_int_equal(again.at_most, range.at_most);
        }
        if (spread != RUNS) /* whose lines may span more than their fences are apart */
            assert_int_equal(wide, 0);
        ikv_fence_lines_free(&lines);
        free(fences);
    }
}

static void one_read_with_five_bytes_a_leaf(void **state)
{
    char *path = tmpdir_file(*state, "lines");
    ikv_writer_options options = store_options(IKV_KEY_U64);
    ikv_open_options open = IKV_OPEN_OPTIONS_INIT;
    rng_state rng = {43};
    store_model model;
    ikv_store *store = NULL;
    ikv_result *result = NULL;
    ikv_info info;
    ikv_error err;
    uint64_t reads = 0;

    model_init(&model, IKV_KEY_U64);
    model_fill(&model, &rng, 100000, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
    options.layout = IKV_LAYOUT_CLUSTERED;
    store_write(path, &model, &options);
    open.backend = IKV_BACKEND_PREAD;
    assert_ok(ikv_open(path, &open, &store, &err), &err);
    ikv_store_info(store, &info);
    ikv_close(store);
    open.index_memory = info.index_pages * 5;
    assert_ok(ikv_open(path, &open, &store, &err), &err);
    ikv_store_info(store, &info);
    assert_int_equal(info.fences, info.index_pages);
    assert_true(info.index_memory <= info.index_pages * 5);
    assert_int_equal(ikv_result_new(&result), 0);
    for (size_t i = 0; i < 2000; i++) {
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_get(store, &model, model.pairs[i].key, (ikv_match)match, result);
        assert_get(store, &model, model.pairs[i].key, IKV_EXACT, result);
        reads += ikv_result_stats(result)->index_reads;
    }
    assert_in_range(reads, 1000, 2000); /* some leaves are cached */
    for (size_t i = 0; i < 20; i++) {
        unsigned char keys[200 * 8];
        for (size_t k = 0; k < 200; k++)
            model_probe_key(&rng, &model, keys + 8 * k);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(store, &model, keys, 200, (ikv_match)match, result);
    }
    ikv_result_free(result);
    ikv_close(store);
    model_free(&model);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_in_range),
        cmocka_unit_test(one_read_with_five_bytes_a_leaf),
    };
    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
