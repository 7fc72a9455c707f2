/* Allocations of a learner: never more than its limit, even while snapshots are in use; and
 * learners whose allocations fail. */
#include "fault_alloc.h"
#include "learn_lists.h"

#include "scale.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { USERS = 4, ROOM = 1000 };

/* Add random pages while some snapshots are in use. Returns the number of known pages. */
static uint64_t use_learner(struct ikv_learner *learner, uint32_t words, uint64_t pages,
                            struct ikv_learned *list, uint64_t seed)
{
    const struct ikv_fences *held[USERS] = {NULL};
    rng_state rng = {seed};
    uint64_t count;

    for (size_t step = 0; step < 60; step++) {
        const size_t user = (size_t)rng_below(&rng, USERS);

        if (held[user] == NULL) {
            held[user] = ikv_learner_acquire(learner);
        } else {
            assert_snapshot(held[user], words, pages);
            ikv_learner_release(learner, held[user]);
            held[user] = NULL;
        }
        list_clear(list);
        for (uint64_t i = rng_below(&rng, ROOM); i > 0; i--)
            list_add(list, rng_below(&rng, pages));
        ikv_learner_add(learner, list, rng_below(&rng, 3000));
    }
    for (size_t user = 0; user < USERS; user++)
        if (held[user] != NULL)
            ikv_learner_release(learner, held[user]);
    count = known_pages(learner, words, pages);
    ikv_learner_free(learner);
    return count;
}

static void learner_respects_memory_limit(void **state)
{
    static const uint32_t widths[] = {1, 2, 16};

    (void)state;
    for (uint64_t seed = 1; seed <= test_scaled(150); seed++) {
        rng_state rng = {seed};
        const uint32_t words = widths[seed % 3];
        const uint64_t pages = 1 + rng_below(&rng, UINT64_C(1) << rng_below(&rng, 15));
        const uint64_t memory = rng_below(&rng, UINT64_C(1) << (8 + rng_below(&rng, 15)));
        const size_t live = fault_alloc_live();
        struct ikv_learner *learner = NULL;
        struct ikv_learned list;
        struct ikv_geometry index;
        fault_alloc_report report;
        struct ikv_learner_info info;

        dummy_index(&index, words, pages);
        list_make(&list, words, ROOM);
        fault_alloc_start(FAULT_ALLOC_NONE, false);
        assert_int_equal(ikv_learner_new(&index, memory, &learner), 0);
        ikv_learner_get_info(learner, &info);
        assert_true(info.max_bytes <= memory);
        (void)use_learner(learner, words, pages, &list, seed);
        report = fault_alloc_stop();
        assert_in_range(report.peak, 0, info.max_bytes);
        list_free(&list);
        assert_int_equal(fault_alloc_live(), live);
    }
}

/* Each allocation fails, alone or with all later ones. */
static void any_allocation_may_fail(void **state)
{
    struct ikv_learner *learner = NULL;
    struct ikv_learned list;
    struct ikv_geometry index;
    size_t live;

    (void)state;
    dummy_index(&index, 2, 3000);
    list_make(&list, 2, ROOM);
    live = fault_alloc_live();
    fault_alloc_start(0, false);
    assert_int_equal(ikv_learner_new(&index, 1 << 20, &learner), -ENOMEM);
    assert_int_equal(fault_alloc_stop().failed, 1);
    assert_null(learner);
    for (int for_good = 0; for_good <= 1; for_good++) {
        uint64_t failed = 1;

        for (uint64_t number = 0; failed > 0; number++) {
            uint64_t count;

            assert_int_equal(ikv_learner_new(&index, 1 << 20, &learner), 0);
            fault_alloc_start(number, for_good);
            count = use_learner(learner, 2, 3000, &list, 1);
            failed = fault_alloc_stop().failed;
            /* The first allocation is the buffer, the second the first snapshot. */
            assert_int_equal(count == 0, for_good && number < 2);
            if (!for_good) /* of about 30,000 added pages the last are still waiting */
                assert_in_range(count, 2900, 3000);
            assert_int_equal(fault_alloc_live(), live);
            assert_in_range(number, 0, 100);
        }
    }
    list_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learner_respects_memory_limit),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
