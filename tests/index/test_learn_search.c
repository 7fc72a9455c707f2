/* Sequences of batches: searches of indexes in memory, and a learner that gets the pages they read.
 */
#include "learn_lists.h"
#include "search_driver.h"

#include "hostkey.h"
#include "scale.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLENTY   ((uint64_t)64 << 20)
#define NO_LIMIT UINT64_MAX

/* ---------------------------------------------------------------- runs */

typedef struct run_state {
    memory_index index;
    struct ikv_search search;
    struct ikv_fences fences;
} run_state;

static void note_page(run_state *pages, struct ikv_learned *learned, uint64_t number)
{
    const struct ikv_geometry *geometry = &pages->index.geometry;
    struct ikv_page page = {
        .number = number,
        .entries = index_page_bytes(&pages->index, number),
        .count = (uint32_t)(ikv_page_first_entry(geometry, number + 1) -
                            ikv_page_first_entry(geometry, number)),
    };

    ikv_learn_note(learned, geometry, pages->search.fences, &page);
}

static void run_notes_new_sorted_pages(void **state)
{
    const uint32_t known[] = {2, 5};
    uint64_t memory[2 * 8];
    struct ikv_learned learned;
    run_state pages;

    (void)state;
    index_of_numbers(&pages.index, 10 * 256 - 100);
    fences_of_pages(&pages.fences, &pages.index, known, 2);
    pages.search = (struct ikv_search){.index = &pages.index.geometry, .fences = &pages.fences};
    memset(index_page_bytes(&pages.index, 3) + 255 * 16, 0, 8);
    memset(index_page_bytes(&pages.index, 9) + 100 * 16, 0, 8);
    ikv_learned_begin(&learned, &pages.index.geometry.key, memory, sizeof(memory));
    assert_int_equal(learned.room, 8);
    for (uint64_t page = 0; page < 10; page++)
        note_page(&pages, &learned, page);
    assert_int_equal(learned.count, 6);
    for (uint64_t i = 0; i < 6; i++) {
        static const uint64_t expected[] = {0, 1, 4, 6, 7, 8};

        assert_int_equal(memory[2 * i], expected[i]);
        assert_int_equal(memory[2 * i + 1], 10 * 256 * expected[i] + 5);
    }
    ikv_learned_begin(&learned, &pages.index.geometry.key, NULL, 0);
    note_page(&pages, &learned, 0);
    assert_int_equal(learned.count, 0);
    fences_free(&pages.fences);
    index_free(&pages.index);
}

/* A run with room for 512 of 20,000 pages notes a random sample: about as many of the last pages as
 * of the first. */
static void long_run_notes_random_sample(void **state)
{
    enum { PAGES = 20000, ROOM = 512, TENTHS = 10 };
    const size_t size = ROOM * 2 * sizeof(uint64_t);
    unsigned shares[TENTHS] = {0};
    struct ikv_learned learned;
    run_state pages;

    (void)state;
    index_of_numbers(&pages.index, PAGES * 256);
    pages.fences = (struct ikv_fences){0};
    pages.search = (struct ikv_search){.index = &pages.index.geometry, .fences = &pages.fences};
    ikv_learned_begin(&learned, &pages.index.geometry.key, must_malloc(size), size);
    for (uint64_t page = 0; page < PAGES; page++)
        note_page(&pages, &learned, page);
    assert_int_equal(learned.count, ROOM);
    for (size_t i = 0; i < ROOM; i++) {
        const uint64_t page = learned.entries[2 * i];

        assert_true(page < PAGES);
        assert_int_equal(learned.entries[2 * i + 1], 10 * 256 * page + 5);
        shares[page * TENTHS / PAGES]++;
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(learned.entries[2 * j], page);
    }
    /* 51 expected, standard deviation 7. */
    for (size_t i = 0; i < TENTHS; i++)
        assert_in_range(shares[i], 25, 80);
    free(learned.entries);
    index_free(&pages.index);
}

static void run_needs_little_memory(void **state)
{
    static const uint32_t widths[] = {1, 2, 16};
    struct ikv_geometry index;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const size_t entry = 8 * (1 + widths[i]);

        dummy_index(&index, widths[i], 1);
        assert_int_equal(ikv_learned_size(&index.key, 0), 0);
        assert_in_range(ikv_learned_size(&index.key, 1), 30 * entry, 40 * entry);
        assert_int_equal(ikv_learned_size(&index.key, 1000), 4096 * entry);
        assert_int_equal(ikv_learned_size(&index.key, UINT32_MAX), 4096 * entry);
    }
}

/* ---------------------------------------------------------------- batches */

/* Run a batch as the driver does. Returns the number of probes. */
static uint64_t run_batch(const memory_index *index, struct ikv_learner *learner,
                          const key_batch *batch, ikv_match match, rng_state *rng,
                          search_answers *ret_answers)
{
    const struct ikv_key_info *key = &index->geometry.key;
    const size_t size = ikv_learner_learns(learner) ? ikv_learned_size(key, batch->count) : 0;
    const struct ikv_fences *fences = ikv_learner_acquire(learner);
    struct ikv_learned learned;

    ikv_learned_begin(&learned, key, size > 0 ? must_malloc(size) : NULL, size);
    search_run(ret_answers, index, fences, batch, match, rng, NO_LIMIT, &learned);
    ikv_learner_add(learner, &learned, batch->count);
    ikv_learner_release(learner, fences);
    free(learned.entries);
    return ret_answers->probes;
}

/* Look up random keys of the index. Returns the number of probes. */
static uint64_t run_random_batch(const memory_index *index, struct ikv_learner *learner,
                                 size_t count, rng_state *rng, uint32_t *ret_keys)
{
    uint64_t *keys = must_malloc(count * sizeof(*keys));
    search_answers answers;
    key_batch batch;
    uint64_t probes;

    for (size_t i = 0; i < count; i++)
        keys[i] = 10 * rng_below(rng, index->geometry.count) + 5;
    batch_make(&batch, IKV_KEY_U64, (const unsigned char *)keys, count);
    probes = run_batch(index, learner, &batch, IKV_EXACT, rng, &answers);
    for (uint32_t i = 0; i < batch.count; i++) {
        assert_int_equal(answers.status[i], IKV_FOUND);
        assert_int_equal(10 * index_entry(answers.positions[i]) + 5,
                         ((const uint64_t *)(const void *)batch.keys)[i]);
    }
    *ret_keys = batch.count;
    answers_free(&answers);
    batch_free(&batch);
    free(keys);
    return probes;
}

static struct ikv_learner *make_learner(const memory_index *index, uint64_t memory)
{
    struct ikv_learner *learner = NULL;

    assert_int_equal(ikv_learner_new(&index->geometry, memory, &learner), 0);
    assert_non_null(learner);
    return learner;
}

static uint64_t known(struct ikv_learner *learner)
{
    struct ikv_learner_info info;

    ikv_learner_get_info(learner, &info);
    assert_true(info.bytes <= info.max_bytes);
    return info.known;
}

/* ---------------------------------------------------------------- down to one probe per key */

enum { PAGES = 5000 };

static void batches_get_down_to_one_probe_per_key(void **state)
{
    struct ikv_learner *learner;
    memory_index index;
    rng_state rng = {1};
    uint64_t before = UINT64_MAX;
    uint32_t keys = 0;
    size_t batches = 0;

    (void)state;
    index_of_numbers(&index, PAGES * 256);
    learner = make_learner(&index, PLENTY);
    while (ikv_learner_learns(learner)) {
        const uint64_t probes = run_random_batch(&index, learner, 1000, &rng, &keys);
        assert_true(batches > 0 || probes > 2 * keys);
        assert_true(batches < 3 || probes < keys * 12 / 10);
        if (batches < 4) { /* later ones vary randomly */
            assert_true(probes < before);
            before = probes;
        }
        batches++;
        assert_in_range(batches, 1, 60);
    }
    assert_int_equal(known(learner), PAGES);
    assert_true(run_random_batch(&index, learner, 1000, &rng, &keys) <= keys);
    ikv_learner_free(learner);
    index_free(&index);
}

static void single_gets_get_down_to_one_probe(void **state)
{
    struct ikv_learner *learner;
    memory_index index;
    rng_state rng = {2};
    uint64_t probes = 0;
    uint32_t keys;
    size_t gets = 0;

    (void)state;
    index_of_numbers(&index, 200 * 256);
    learner = make_learner(&index, PLENTY);
    while (ikv_learner_learns(learner) && gets < 200 * 20) {
        (void)run_random_batch(&index, learner, 1, &rng, &keys);
        gets++;
    }
    assert_int_equal(known(learner), 200);
    for (size_t i = 0; i < 100; i++)
        probes += run_random_batch(&index, learner, 1, &rng, &keys);
    assert_int_equal(probes, 100);
    ikv_learner_free(learner);
    index_free(&index);
}

/* With room for half of the fences, keys take two probes or fewer on average, as the known pages
 * are evenly spread. */
static void half_of_the_fences_save_most_probes(void **state)
{
    struct ikv_learner *learner;
    memory_index index;
    rng_state rng = {3};
    uint64_t probes = 0;
    uint64_t all_keys = 0;
    uint32_t keys;

    (void)state;
    index_of_numbers(&index, PAGES * 256);
    learner = make_learner(&index, PAGES * 28 / 2 + 2000);
    for (size_t i = 0; i < 60 && ikv_learner_learns(learner); i++)
        (void)run_random_batch(&index, learner, 1000, &rng, &keys);
    assert_false(ikv_learner_learns(learner));
    assert_in_range(known(learner), PAGES * 45 / 100, PAGES * 55 / 100);
    for (size_t i = 0; i < 1000; i++) {
        probes += run_random_batch(&index, learner, 1, &rng, &keys);
        all_keys += keys;
    }
    assert_true(probes * 10 < all_keys * 20);
    ikv_learner_free(learner);
    index_free(&index);
}

/* With little memory and lookups in one key range only, the pages of this range are learned. */
static void used_range_is_learned(void **state)
{
    struct ikv_learner *learner;
    memory_index index;
    rng_state rng = {4};
    search_answers answers;
    uint64_t probes = 0;

    (void)state;
    index_of_numbers(&index, PAGES * 256);
    learner = make_learner(&index, 10000); /* about 300 fences */
    for (size_t i = 0; i < 400; i++) {
        uint64_t keys[20];
        key_batch batch;

        for (size_t k = 0; k < 20; k++)
            keys[k] = 10 * (256 * 1000 + rng_below(&rng, 100 * 256)) + 5;
        batch_make(&batch, IKV_KEY_U64, (const unsigned char *)keys, 20);
        probes = run_batch(&index, learner, &batch, IKV_EXACT, &rng, &answers);
        if (i == 399)
            assert_true(probes <= batch.count);
        answers_free(&answers);
        batch_free(&batch);
    }
    assert_in_range(known(learner), 100, 300);
    ikv_learner_free(learner);
    index_free(&index);
}

/* ---------------------------------------------------------------- answers */

/* Learned fences never change an answer, in random stores and in all match modes. */
static void answers_stay_right_while_learning(void **state)
{
    static const ikv_key_type types[] = {IKV_KEY_U64, IKV_KEY_I32, IKV_KEY_I128, IKV_KEY_BYTES(20),
                                         IKV_KEY_BYTES(128)};
    (void)state;
    for (uint64_t seed = 1; seed <= test_scaled(60); seed++) {
        rng_state rng = {seed};
        const ikv_key_type type = types[seed % 5];
        const size_t width = hostkey_width(type);
        const size_t stride = hostkey_layout(type, 0).stride;
        struct ikv_learner *learner = NULL;
        memory_index index;
        store_model model;

        model_init(&model, type);
        model_fill(&model, &rng, (size_t)(1 + rng_below(&rng, 30 * 4096 / stride)),
                   (model_keys)rng_below(&rng, 4), MODEL_SIZES_SMALL);
        for (size_t i = model.count / 3; i > 0; i--) /* repeat some keys, one of them often */
            model_add(&model, model.pairs[i % 2 ? i : 0].key, NULL, 0);
        model_sort(&model, MODEL_KEEP_ALL);
        index_from_model(&index, &model, 0);
        assert_int_equal(
            ikv_learner_new(&index.geometry, rng_below(&rng, 3) ? PLENTY : 2000, &learner), 0);
        for (size_t i = 0; i < 12; i++) {
            unsigned char keys[50 * IKV_KEY_WIDTH_MAX];
            search_answers answers;
            key_batch batch;

            for (size_t k = 0; k < 50; k++)
                model_probe_key(&rng, &model, keys + k * width);
            batch_make(&batch, type, keys, (size_t)(1 + rng_below(&rng, 50)));
            (void)run_batch(&index, learner, &batch, (ikv_match)rng_below(&rng, 3), &rng, &answers);
            assert_answers(&answers, &model, &batch);
            answers_free(&answers);
            batch_free(&batch);
        }
        ikv_learner_free(learner);
        index_free(&index);
        model_free(&model);
    }
}

/* Each page is sorted, but the pages are in the wrong order. The learner notices at some time and
 * discards everything; until then its snapshots ascend. */
static void unsorted_pages_are_noticed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= test_scaled(100); seed++) {
        rng_state rng = {seed};
        const uint64_t pages = 20 + rng_below(&rng, 80);
        struct ikv_learner *learner;
        memory_index index;
        size_t batches = 0;

        index_of_numbers(&index, pages * 256);
        for (uint64_t i = rng_below(&rng, 10) + 1; i > 0; i--) { /* swap two pages */
            unsigned char *a = index_page_bytes(&index, rng_below(&rng, pages / 2));
            unsigned char *b = index_page_bytes(&index, pages / 2 + rng_below(&rng, pages / 2));
            unsigned char page[4096];

            memcpy(page, a, 4096);
            memcpy(a, b, 4096);
            memcpy(b, page, 4096);
        }
        learner = make_learner(&index, PLENTY);
        while (ikv_learner_learns(learner)) {
            const struct ikv_fences *fences;
            search_answers answers;
            uint64_t keys[50];
            key_batch batch;

            for (size_t k = 0; k < 50; k++)
                keys[k] = rng_below(&rng, pages * 2560);
            batch_make(&batch, IKV_KEY_U64, (const unsigned char *)keys, 50);
            (void)run_batch(&index, learner, &batch, (ikv_match)(batches % 3), &rng, &answers);
            answers_free(&answers);
            batch_free(&batch);
            fences = ikv_learner_acquire(learner);
            for (uint64_t i = 1; i < fences->count; i++)
                assert_true(fences->keys[i - 1] <= fences->keys[i] &&
                            ikv_fence_page(fences, i - 1) < ikv_fence_page(fences, i));
            ikv_learner_release(learner, fences);
            assert_true(batches++ < 100);
        }
        assert_int_equal(known(learner), 0);
        ikv_learner_free(learner);
        index_free(&index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_notes_new_sorted_pages),
        cmocka_unit_test(long_run_notes_random_sample),
        cmocka_unit_test(run_needs_little_memory),
        cmocka_unit_test(batches_get_down_to_one_probe_per_key),
        cmocka_unit_test(single_gets_get_down_to_one_probe),
        cmocka_unit_test(half_of_the_fences_save_most_probes),
        cmocka_unit_test(used_range_is_learned),
        cmocka_unit_test(answers_stay_right_while_learning),
        cmocka_unit_test(unsorted_pages_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
