/* The learner alone, fed with pages of a dummy index and compared with a naive map of them. */
#include "learn_lists.h"

#include "scale.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLENTY ((uint64_t)64 << 20)

static const uint32_t widths[] = {1, 2, 16};

static struct ikv_learner *make_learner(uint32_t words, uint64_t pages, uint64_t memory)
{
    struct ikv_learner *learner = NULL;
    struct ikv_geometry index;

    dummy_index(&index, words, pages);
    assert_int_equal(ikv_learner_new(&index, memory, &learner), 0);
    return learner;
}

/* ---------------------------------------------------------------- known pages */

/* In a small index, with enough memory and no old snapshot in use, added pages are known at once.
 */
static void learn_all(rng_state *rng, uint32_t words, uint64_t pages)
{
    struct ikv_learner *learner = make_learner(words, pages, PLENTY);
    unsigned char *added = must_malloc((size_t)pages);
    uint64_t added_count = 0;
    struct ikv_learner_info info;
    struct ikv_learned list;

    memset(added, 0, (size_t)pages);
    list_make(&list, words, 2000);
    while (added_count < pages) {
        const uint64_t count = rng_below(rng, 1 + rng_below(rng, 300));
        const struct ikv_fences *fences;

        list_clear(&list);
        for (uint64_t i = 0; i < count; i++) {
            const uint64_t page = rng_below(rng, pages);

            list_add(&list, page);
            added_count += !added[page];
            added[page] = 1;
        }
        assert_true(ikv_learner_learns(learner));
        ikv_learner_add(learner, &list, 1);
        assert_int_equal(known_pages(learner, words, pages), added_count);
        fences = ikv_learner_acquire(learner);
        for (uint64_t i = 0; i < fences->count; i++)
            assert_true(added[ikv_fence_page(fences, i)]);
        assert_true(fences->count == 0 || (fences->pages == NULL) == (added_count == pages));
        ikv_learner_release(learner, fences);
    }
    assert_false(ikv_learner_learns(learner));
    ikv_learner_add(learner, &list, 1);
    assert_int_equal(known_pages(learner, words, pages), pages);
    /* Only the keys of all pages are kept. */
    ikv_learner_get_info(learner, &info);
    assert_in_range(info.bytes, pages * words * 8, pages * words * 8 + 1000);
    ikv_learner_free(learner);
    list_free(&list);
    free(added);
}

static void added_pages_are_known(void **state)
{
    rng_state rng = {1};

    (void)state;
    for (size_t round = 0; round < test_scaled(60); round++)
        learn_all(&rng, widths[round % 3], 1 + rng_below(&rng, 600));
}

/* In a large index, new pages wait until enough keys were looked up, or enough pages learned, to
 * make a copy of the snapshot worthwhile. */
static void new_pages_of_large_index_wait(void **state)
{
    enum { PAGES = 20000, KNOWN = 8000 };
    struct ikv_learner *learner = make_learner(1, PAGES, PLENTY);
    struct ikv_learned list;

    (void)state;
    list_make(&list, 1, KNOWN);
    for (uint64_t i = 0; i < KNOWN; i++)
        list_add(&list, 2 * i);
    ikv_learner_add(learner, &list, 1);
    assert_int_equal(known_pages(learner, 1, PAGES), KNOWN);

    list_clear(&list);
    list_add(&list, 1);
    ikv_learner_add(learner, &list, 1000);
    assert_int_equal(known_pages(learner, 1, PAGES), KNOWN);
    list_clear(&list);
    ikv_learner_add(learner, &list, KNOWN / 4 - 1001);
    assert_int_equal(known_pages(learner, 1, PAGES), KNOWN);
    ikv_learner_add(learner, &list, 1);
    assert_int_equal(known_pages(learner, 1, PAGES), KNOWN + 1);

    for (uint64_t i = 0; i < KNOWN / 4; i++)
        list_add(&list, 2 * i + 3);
    ikv_learner_add(learner, &list, 1);
    assert_int_equal(known_pages(learner, 1, PAGES), KNOWN + 1 + KNOWN / 4);
    ikv_learner_free(learner);
    list_free(&list);
}

/* ---------------------------------------------------------------- snapshots in use */

static void snapshot_in_use_does_not_change(void **state)
{
    enum { PAGES = 500, USERS = 8 };
    struct ikv_learner *learner = make_learner(2, PAGES, PLENTY);
    const struct ikv_fences *held[USERS] = {NULL};
    uint64_t counts[USERS] = {0};
    struct ikv_learned list;
    rng_state rng = {2};
    size_t changes = 0;

    (void)state;
    list_make(&list, 2, 1);
    for (size_t step = 0; step < test_scaled(4000); step++) {
        const size_t user = (size_t)rng_below(&rng, USERS);

        if (held[user] == NULL) {
            held[user] = ikv_learner_acquire(learner);
            changes += step > 0 && held[user]->count != counts[user];
            counts[user] = held[user]->count;
        } else {
            assert_int_equal(held[user]->count, counts[user]);
            assert_snapshot(held[user], 2, PAGES);
            ikv_learner_release(learner, held[user]);
            held[user] = NULL;
        }
        list_clear(&list);
        list_add(&list, rng_below(&rng, PAGES));
        ikv_learner_add(learner, &list, 1);
    }
    assert_true(changes > test_scaled(4000) / 100);
    for (size_t user = 0; user < USERS; user++)
        if (held[user] != NULL)
            ikv_learner_release(learner, held[user]);
    ikv_learner_free(learner);
    list_free(&list);
}

/* While the first snapshot is in use there can be a second, but no third. */
static void two_snapshots_at_most(void **state)
{
    struct ikv_learner *learner = make_learner(1, 1000, PLENTY);
    const struct ikv_fences *first;
    const struct ikv_fences *second;
    struct ikv_learned list;

    (void)state;
    list_make(&list, 1, 10);
    list_add(&list, 100);
    ikv_learner_add(learner, &list, 1);
    first = ikv_learner_acquire(learner);
    assert_int_equal(first->count, 1);
    for (uint64_t page = 200; page < 250; page++) {
        list_clear(&list);
        list_add(&list, page);
        ikv_learner_add(learner, &list, 1);
        assert_int_equal(known_pages(learner, 1, 1000), 2);
    }
    assert_int_equal(first->count, 1);
    second = ikv_learner_acquire(learner);
    ikv_learner_release(learner, first);
    list_clear(&list);
    ikv_learner_add(learner, &list, 1);
    assert_int_equal(known_pages(learner, 1, 1000), 51);
    assert_int_equal(second->count, 2);
    ikv_learner_release(learner, second);
    ikv_learner_free(learner);
    list_free(&list);
}

/* ---------------------------------------------------------------- limits */

/* With any amount of memory the learner learns as much as fits, then stops, and never reports more
 * memory than it was given. */
static void learner_respects_memory_limit(void **state)
{
    rng_state rng = {3};

    (void)state;
    for (size_t round = 0; round < test_scaled(60); round++) {
        const uint32_t words = widths[round % 3];
        const uint64_t pages = 1 + rng_below(&rng, 5000);
        const uint64_t memory = rng_below(&rng, UINT64_C(1) << (9 + rng_below(&rng, 12)));
        struct ikv_learner *learner = make_learner(words, pages, memory);
        struct ikv_learner_info info;
        struct ikv_learned list;

        list_make(&list, words, 1000);
        for (size_t step = 0; step < 300 && ikv_learner_learns(learner); step++) {
            const struct ikv_fences *fences = ikv_learner_acquire(learner);

            list_clear(&list);
            while (list.count < list.room)
                list_add(&list, rng_below(&rng, pages));
            ikv_learner_add(learner, &list, 1000);
            ikv_learner_get_info(learner, &info);
            assert_true(info.bytes <= info.max_bytes && info.max_bytes <= memory);
            assert_int_equal(info.pages, pages);
            ikv_learner_release(learner, fences);
        }
        assert_false(ikv_learner_learns(learner));
        ikv_learner_get_info(learner, &info);
        assert_int_equal(known_pages(learner, words, pages), info.known);
        if (learner != NULL) {
            assert_true(info.known > 0);
            /* Half of the memory is usable, minus waiting pages and a fixed part. */
            if (info.known < pages)
                assert_true(info.known * (8 * words + 4) * 5 / 2 + 2000 > memory * 3 / 4);
        }
        ikv_learner_free(learner);
        list_free(&list);
    }
}

/* If more pages are added than there is room for, the learner selects evenly spread ones. */
static void last_room_is_used_evenly(void **state)
{
    enum { PAGES = 100000, LEFT = 10, ADDED = 200 };
    const uint64_t memory = 60000;
    struct ikv_learner *learner = make_learner(1, PAGES, memory);
    struct ikv_learned list;
    const struct ikv_fences *fences;
    uint64_t before = 49999;
    uint64_t max;
    uint64_t taken = 0;

    (void)state;
    list_make(&list, 1, PAGES);
    for (uint64_t page = 0; page < PAGES; page++)
        list_add(&list, page);
    ikv_learner_add(learner, &list, 1);
    max = known_pages(learner, 1, PAGES);
    assert_in_range(max, 10 * LEFT, PAGES / 2);
    assert_false(ikv_learner_learns(learner));
    ikv_learner_free(learner);

    learner = make_learner(1, PAGES, memory);
    list_clear(&list);
    for (uint64_t page = 0; page < max - LEFT; page++)
        list_add(&list, page);
    ikv_learner_add(learner, &list, PAGES);
    list_clear(&list);
    assert_int_equal(known_pages(learner, 1, PAGES), max - LEFT);
    for (uint64_t page = 50000; page < 50000 + ADDED; page++)
        list_add(&list, page);
    ikv_learner_add(learner, &list, PAGES);
    assert_int_equal(known_pages(learner, 1, PAGES), max);
    fences = ikv_learner_acquire(learner);
    for (uint64_t i = max - LEFT; i < max; i++) {
        const uint64_t page = ikv_fence_page(fences, i);

        assert_in_range(page - before, ADDED / LEFT - 1, ADDED / LEFT + 1);
        before = page;
        taken++;
    }
    assert_int_equal(taken, LEFT);
    ikv_learner_release(learner, fences);
    ikv_learner_free(learner);
    list_free(&list);
}

/* Snapshots have 32-bit page numbers, but an index may have more pages. */
static void pages_beyond_32_bits_are_skipped(void **state)
{
    const uint64_t pages = UINT64_C(1) << 33;
    struct ikv_learner *learner = make_learner(1, pages, PLENTY);
    struct ikv_learned list;

    (void)state;
    list_make(&list, 1, 4);
    list_add(&list, 5);
    list_add(&list, UINT32_MAX);
    list_add(&list, UINT64_C(1) << 32);
    list_add(&list, (UINT64_C(1) << 32) + 5);
    ikv_learner_add(learner, &list, 1);
    assert_int_equal(known_pages(learner, 1, pages), 2);
    ikv_learner_free(learner);
    list_free(&list);
}

static void no_learner_without_memory_or_pages(void **state)
{
    struct ikv_learner_info info;
    struct ikv_learned list;

    (void)state;
    list_make(&list, 1, 1);
    list_add(&list, 0);
    for (uint64_t memory = 0; memory < 2000; memory++) {
        const uint64_t pages = memory > 1000 ? 0 : 1000;
        struct ikv_learner *learner = make_learner(1, pages, memory);

        assert_true(learner == NULL || (memory > 100 && pages > 0));
        assert_true(learner != NULL || memory < 600 || pages == 0);
        if (learner == NULL) {
            const struct ikv_fences *fences = ikv_learner_acquire(learner);

            assert_int_equal(fences->count, 0);
            assert_false(ikv_learner_learns(learner));
            ikv_learner_add(learner, &list, 1);
            ikv_learner_get_info(learner, &info);
            assert_int_equal(info.bytes, 0);
            ikv_learner_release(learner, fences);
        } else { /* enough memory for at least one fence */
            ikv_learner_add(learner, &list, 1);
            assert_int_equal(known_pages(learner, 1, 1000), 1);
        }
        ikv_learner_free(learner);
    }
    list_free(&list);
}

/* ---------------------------------------------------------------- contradictions */

/* Add a page after pages 10, 20 and 30, which begin with the keys 100, 200 and 300. */
static void add_fourth_page(uint64_t page, uint64_t key, bool fits)
{
    for (int at_once = 0; at_once <= 1; at_once++) {
        struct ikv_learner *learner = make_learner(1, 1000, PLENTY);
        const struct ikv_fences *held = NULL;
        const struct ikv_fences *fences;
        struct ikv_learner_info info;
        struct ikv_learned list;

        list_make(&list, 1, 4);
        for (uint64_t i = 10; i <= 30; i += 10)
            list_add_key(&list, i, 10 * i);
        if (!at_once) {
            ikv_learner_add(learner, &list, 1);
            list_clear(&list);
            held = ikv_learner_acquire(learner);
        }
        list_add_key(&list, page, key);
        ikv_learner_add(learner, &list, 1);
        fences = ikv_learner_acquire(learner);
        assert_int_equal(fences->count, !fits ? 0 : page % 10 == 0 ? 3 : 4);
        assert_int_equal(ikv_learner_learns(learner), fits);
        for (uint64_t i = 1; i < fences->count; i++)
            assert_true(fences->keys[i - 1] <= fences->keys[i] &&
                        fences->pages[i - 1] < fences->pages[i]);
        ikv_learner_release(learner, fences);
        if (held != NULL) { /* a batch still uses the old snapshot */
            assert_int_equal(held->count, 3);
            assert_int_equal(held->keys[2], 300);
            ikv_learner_release(learner, held);
        }
        if (!fits) {
            ikv_learner_add(learner, &list, 1000000);
            ikv_learner_get_info(learner, &info);
            assert_int_equal(info.known, 0);
            assert_true(info.bytes < 2000); /* the snapshot and waiting pages were freed */
        }
        ikv_learner_free(learner);
        list_free(&list);
    }
}

static void contradiction_discards_everything(void **state)
{
    (void)state;
    add_fourth_page(15, 150, true);
    add_fourth_page(15, 100, true); /* keys may be repeated */
    add_fourth_page(15, 200, true);
    add_fourth_page(20, 200, true);
    add_fourth_page(9, 0, true);
    add_fourth_page(31, UINT64_MAX, true);
    add_fourth_page(15, 99, false);
    add_fourth_page(15, 201, false);
    add_fourth_page(20, 201, false);
    add_fourth_page(20, 199, false);
    add_fourth_page(9, 101, false);
    add_fourth_page(0, UINT64_MAX, false);
    add_fourth_page(31, 299, false);
    add_fourth_page(999, 0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_pages_are_known),
        cmocka_unit_test(new_pages_of_large_index_wait),
        cmocka_unit_test(snapshot_in_use_does_not_change),
        cmocka_unit_test(two_snapshots_at_most),
        cmocka_unit_test(learner_respects_memory_limit),
        cmocka_unit_test(last_room_is_used_evenly),
        cmocka_unit_test(pages_beyond_32_bits_are_skipped),
        cmocka_unit_test(no_learner_without_memory_or_pages),
        cmocka_unit_test(contradiction_discards_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
