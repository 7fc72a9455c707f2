/* The search alone, over indexes in memory, with any set of fences, of sorted and unsorted pages.
 */
#include "search_driver.h"

#include "hostkey.h"
#include "scale.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NO_LIMIT UINT64_MAX

static const struct ikv_fences no_fences;

/* Maximum number of probes of a binary search in `pages` pages. */
static uint32_t halvings(uint64_t pages)
{
    uint32_t n = 0;

    for (; pages > 0; pages /= 2)
        n++;
    return n;
}

/* Maximum distance in pages from one fence to the next. */
static uint64_t longest_gap(const memory_index *index, const uint32_t *pages, uint64_t count)
{
    uint64_t longest = 0;
    uint64_t before = 0;

    for (uint64_t i = 0; i <= count; i++) {
        const uint64_t page = i < count ? pages[i] : index->geometry.pages;

        longest = page - before > longest ? page - before : longest;
        before = page;
    }
    return longest;
}

/* ---------------------------------------------------------------- random indexes */

/* Pairs with random keys, of which some are repeated, some often enough to fill pages. */
static void random_model(store_model *ret, rng_state *rng, ikv_key_type type)
{
    const size_t stride = hostkey_layout(type, 0).stride;
    const size_t count = (size_t)rng_below(rng, 40 * 4096 / stride);
    const unsigned repeats = (unsigned)rng_below(rng, 3);

    model_init(ret, type);
    model_fill(ret, rng, count, (model_keys)rng_below(rng, 4), MODEL_SIZES_SMALL);
    if (repeats > 0 && ret->count > 0) {
        const size_t distinct = ret->count;

        for (size_t i = 0; i < 3; i++) {
            const size_t often = repeats == 1 ? 1 : (size_t)rng_below(rng, 4 * 4096 / stride);
            const size_t chosen = (size_t)rng_below(rng, distinct);

            for (size_t j = 0; j < often; j++)
                model_add(ret, ret->pairs[repeats == 1 ? rng_below(rng, distinct) : chosen].key,
                          NULL, 0);
        }
    }
    model_sort(ret, MODEL_KEEP_ALL);
}

/* Pages with a fence: all, the first, the last, or a random share including none. */
static uint64_t random_pages(rng_state *rng, uint64_t pages, uint32_t *ret_chosen)
{
    const uint64_t kind = rng_below(rng, 6);
    const uint64_t share = rng_below(rng, 100);
    uint64_t count = 0;

    for (uint64_t page = 0; page < pages; page++) {
        if (kind == 0 || (kind == 1 && page == 0) || (kind == 2 && page + 1 == pages) ||
            (kind > 2 && rng_below(rng, 100) < share))
            ret_chosen[count++] = (uint32_t)page;
    }
    return count;
}

static void random_batch(key_batch *ret, const store_model *model, rng_state *rng)
{
    const size_t width = hostkey_width(model->type);
    const uint64_t kind = rng_below(rng, 4);
    size_t count = kind == 0 ? 1 : (size_t)rng_below(rng, 400);
    unsigned char *keys;

    if (kind == 3) /* every key of the index */
        count = model->sorted_count;
    keys = must_malloc(count * width + 1);
    for (size_t i = 0; i < count; i++) {
        if (kind == 3)
            memcpy(keys + i * width, model->sorted[i]->key, width);
        else if (kind == 2) /* random keys, almost all absent */
            rng_fill(rng, keys + i * width, width);
        else
            model_probe_key(rng, model, keys + i * width);
    }
    batch_make(ret, model->type, keys, count);
    free(keys);
}

static void search_and_compare(const store_model *model, const memory_index *index, rng_state *rng)
{
    const uint64_t pages = index->geometry.pages;
    uint32_t *chosen = must_malloc((size_t)pages * sizeof(*chosen) + 1);
    const uint64_t count = random_pages(rng, pages, chosen);
    const uint32_t depth = halvings(longest_gap(index, chosen, count));
    struct ikv_fences fences;
    key_batch batch;

    fences_of_pages(&fences, index, chosen, count);
    random_batch(&batch, model, rng);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        search_answers answers;

        search_run(&answers, index, &fences, &batch, (ikv_match)match, rng, NO_LIMIT, NULL);
        assert_answers(&answers, model, &batch);
        /* A ceiling may be in the page after those that could contain the key. */
        assert_in_range(answers.depth, 0, depth + (match == IKV_CEILING && count > 0));
        answers_free(&answers);
        search_run(&answers, index, &no_fences, &batch, (ikv_match)match, rng, NO_LIMIT, NULL);
        assert_answers(&answers, model, &batch);
        assert_in_range(answers.depth, 0, halvings(pages));
        answers_free(&answers);
    }
    batch_free(&batch);
    fences_free(&fences);
    free(chosen);
}

static void answers_are_right_with_any_fences(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U64,      IKV_KEY_I32,       IKV_KEY_U128,
                                         IKV_KEY_I128,     IKV_KEY_U8,        IKV_KEY_I16,
                                         IKV_KEY_BYTES(5), IKV_KEY_BYTES(20), IKV_KEY_BYTES(128)};
    (void)state;
    for (uint64_t seed = 1; seed <= test_scaled(120); seed++) {
        rng_state rng = {seed};
        const ikv_key_type type = types[seed % (sizeof(types) / sizeof(types[0]))];
        store_model model;
        memory_index index;

        random_model(&model, &rng, type);
        index_from_model(&index, &model, type == IKV_KEY_I128 ? 24 : 0);
        for (size_t i = 0; i < 4; i++)
            search_and_compare(&model, &index, &rng);
        index_free(&index);
        model_free(&model);
    }
}

/* ---------------------------------------------------------------- probes saved by fences */

static uint64_t probes_of(const memory_index *index, const struct ikv_fences *fences,
                          const uint64_t *keys, size_t count, ikv_match match)
{
    rng_state rng = {1};
    search_answers answers;
    key_batch batch;
    uint64_t probes;

    batch_make(&batch, IKV_KEY_U64, (const unsigned char *)keys, count);
    search_run(&answers, index, fences, &batch, match, &rng, NO_LIMIT, NULL);
    probes = answers.probes;
    answers_free(&answers);
    batch_free(&batch);
    return probes;
}

/* Look up one key of each page, separately. Returns the sum of their probes. */
static uint64_t sum_of_probes(const memory_index *index, const struct ikv_fences *fences,
                              bool between, ikv_match match)
{
    uint64_t sum = 0;

    /* Page p begins with key 10 * (256 * p) + 5. */
    for (uint64_t page = 0; page < index->geometry.pages; page++) {
        const uint64_t key = 10 * (256 * page) + (between ? 0 : 5);
        sum += probes_of(index, fences, &key, 1, match);
    }
    return sum;
}

/* Without fences a single key may need fewer probes if the first probe happens to hit it, but not
 * on average. */
static void fences_never_cost_probes(void **state)
{
    rng_state rng = {7};

    (void)state;
    for (size_t round = 0; round < test_scaled(60); round++) {
        const uint64_t pages = 1 + rng_below(&rng, 70);
        uint32_t chosen[70];
        struct ikv_fences fences;
        memory_index index;
        uint64_t count;

        index_of_numbers(&index, pages * 256 - rng_below(&rng, 256));
        count = random_pages(&rng, pages, chosen);
        fences_of_pages(&fences, &index, chosen, count);
        for (int between = 0; between <= 1; between++)
            for (int match = IKV_EXACT; match <= IKV_FLOOR; match++)
                assert_in_range(sum_of_probes(&index, &fences, between, (ikv_match)match), 0,
                                sum_of_probes(&index, &no_fences, between, (ikv_match)match));
        fences_free(&fences);
        index_free(&index);
    }
}

/* Batches of many keys; the average over many sets of fences, a few of which may save nothing. */
static void fences_save_probes(void **state)
{
    rng_state rng = {8};
    memory_index index;
    uint64_t without = 0;
    uint64_t with = 0;

    (void)state;
    index_of_numbers(&index, 300 * 256);
    for (size_t round = 0; round < test_scaled_min(100, 10); round++) {
        const size_t count = (size_t)(1 + rng_below(&rng, 200));
        uint64_t keys[200];
        uint32_t chosen[300];
        struct ikv_fences fences;

        for (size_t i = 0; i < count; i++)
            keys[i] = 10 * rng_below(&rng, 300 * 256) + 5;
        fences_of_pages(&fences, &index, chosen, random_pages(&rng, 300, chosen));
        without += probes_of(&index, &no_fences, keys, count, IKV_EXACT);
        with += probes_of(&index, &fences, keys, count, IKV_EXACT);
        fences_free(&fences);
    }
    assert_true(with < without * 9 / 10);
    index_free(&index);
}

/* Fences of every step-th page work in the same way with a step and with a list of pages. */
static void step_and_page_list_are_equivalent(void **state)
{
    rng_state rng = {9};

    (void)state;
    for (uint64_t pages = 1; pages <= 20; pages++) {
        for (uint64_t step = 1; step <= pages; step++) {
            struct ikv_fences stepped;
            struct ikv_fences listed;
            uint32_t chosen[20];
            uint64_t count = 0;
            memory_index index;

            for (uint64_t page = 0; page < pages; page += step)
                chosen[count++] = (uint32_t)page;
            index_of_numbers(&index, pages * 256 - rng_below(&rng, 256));
            fences_of_steps(&stepped, &index, step);
            fences_of_pages(&listed, &index, chosen, count);
            assert_int_equal(stepped.count, listed.count);
            for (uint64_t page = 0; page < pages; page++) {
                const uint64_t *fence = ikv_fence_of_page(&stepped, page);

                assert_int_equal(fence != NULL, page % step == 0);
                assert_int_equal(ikv_fence_of_page(&listed, page) != NULL, page % step == 0);
                if (fence != NULL) {
                    assert_int_equal(*fence, 10 * (256 * page) + 5);
                    assert_int_equal(*ikv_fence_of_page(&listed, page), *fence);
                }
            }
            for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
                uint64_t keys[50];

                for (size_t i = 0; i < 50; i++)
                    keys[i] = rng_below(&rng, pages * 2600);
                assert_int_equal(probes_of(&index, &stepped, keys, 50, (ikv_match)match),
                                 probes_of(&index, &listed, keys, 50, (ikv_match)match));
            }
            fences_free(&stepped);
            fences_free(&listed);
            index_free(&index);
        }
    }
}

/* ---------------------------------------------------------------- unsorted indexes */

/* The file changed after its fences were learned: page 6 begins with a smaller key. Keys of this
 * page, and ceilings in it, are corrupt; the search does not continue elsewhere. */
static void page_that_contradicts_its_fence_is_corrupt(void **state)
{
    const uint32_t pages[] = {2, 6};
    /* After the last key of page 5, so that its ceiling is the first of page 6; and absent in 6. */
    const uint64_t keys[] = {10 * (6 * 256) - 5 + 1, 10 * (6 * 256 + 9)};
    const uint64_t lower = 6;
    rng_state rng = {10};
    struct ikv_fences fences;
    memory_index index;
    key_batch batch;

    (void)state;
    index_of_numbers(&index, 12 * 256);
    fences_of_pages(&fences, &index, pages, 2);
    hostkey_to_file(IKV_KEY_U64, &lower, index_page_bytes(&index, 6));
    batch_make(&batch, IKV_KEY_U64, (const unsigned char *)keys, 2);
    for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
        search_answers answers;

        search_run(&answers, &index, &fences, &batch, (ikv_match)match, &rng, 10, NULL);
        assert_int_equal(answers.status[0], match == IKV_EXACT   ? IKV_MISSING
                                            : match == IKV_FLOOR ? IKV_FOUND
                                                                 : IKV_CORRUPT);
        assert_int_equal(answers.status[1], IKV_CORRUPT);
        assert_true(answers.corrupt_pages > 0);
        answers_free(&answers);
    }
    batch_free(&batch);
    fences_free(&fences);
    index_free(&index);
}

/* A fence greater than all keys of the index: a ceiling is searched in its page only, not page by
 * page to the end. */
static void forged_fence_costs_one_probe(void **state)
{
    const uint32_t pages[] = {0, 1};
    const uint64_t keys[] = {UINT64_MAX - 1};
    rng_state rng = {11};
    struct ikv_fences fences;
    search_answers answers;
    memory_index index;
    key_batch batch;

    (void)state;
    index_of_numbers(&index, 200 * 256);
    fences_of_pages(&fences, &index, pages, 2);
    fences.keys[1] = UINT64_MAX;
    batch_make(&batch, IKV_KEY_U64, (const unsigned char *)keys, 1);
    search_run(&answers, &index, &fences, &batch, IKV_CEILING, &rng, 2, NULL);
    assert_int_equal(answers.status[0], IKV_CORRUPT);
    answers_free(&answers);
    batch_free(&batch);
    fences_free(&fences);
    index_free(&index);
}

/* Pages with random keys, each sorted or not, some of them intact; and ascending fences, as from a
 * learner, which may contradict the pages. The search may give any answer, but must end after about
 * as many probes as in an intact index, with a status for each key. */
static void forged_indexes_take_bounded_probes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= test_scaled(400); seed++) {
        rng_state rng = {seed};
        const uint64_t pages = 1 + rng_below(&rng, 100);
        const uint64_t kind = rng_below(&rng, 3);
        struct ikv_fences fences;
        memory_index index;
        uint32_t chosen[100];
        uint64_t keys[300];
        uint64_t count;
        key_batch batch;

        index_of_numbers(&index, pages * 256);
        for (uint64_t entry = 0; entry < pages * 256; entry++) {
            uint64_t key = rng_below(&rng, pages * 2560);

            if (kind == 0) /* each page is sorted */
                key = 10 * (rng_below(&rng, 1 + entry / 256) * 256 + entry % 256);
            if (kind < 2 || rng_below(&rng, 500) == 0)
                hostkey_to_file(IKV_KEY_U64, &key, index.entries + entry * 16);
        }
        count = random_pages(&rng, pages, chosen);
        fences_of_pages(&fences, &index, chosen, count);
        for (uint64_t i = 1; i < count; i++)
            if (fences.keys[i] < fences.keys[i - 1])
                fences.keys[i] = fences.keys[i - 1] + rng_below(&rng, 3);
        for (size_t i = 0; i < 300; i++)
            keys[i] = rng_below(&rng, pages * 2560 + 10);
        batch_make(&batch, IKV_KEY_U64, (const unsigned char *)keys, 300);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
            search_answers answers;

            search_run(&answers, &index, &fences, &batch, (ikv_match)match, &rng,
                       batch.count * (halvings(pages) + 1), NULL);
            assert_in_range(answers.depth, 0,
                            halvings(longest_gap(&index, chosen, count)) + (match == IKV_CEILING));
            answers_free(&answers);
        }
        batch_free(&batch);
        fences_free(&fences);
        index_free(&index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_right_with_any_fences),
        cmocka_unit_test(fences_never_cost_probes),
        cmocka_unit_test(fences_save_probes),
        cmocka_unit_test(step_and_page_list_are_equivalent),
        cmocka_unit_test(page_that_contradicts_its_fence_is_corrupt),
        cmocka_unit_test(forged_fence_costs_one_probe),
        cmocka_unit_test(forged_indexes_take_bounded_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
