/*
 * Residency hints of mapped pages, set wrong on purpose or made wrong by dropping pages: answers
 * stay right, wrong hints are dropped, and correct hints are back within two batches.
 */
#include "map_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define PAIRS 1500u
#define VALUE 900u /* several records a page */

struct fixture {
    char *path;
    store_model model;
    ikv_store *store;
    ikv_result *result;
    uint64_t keys[PAIRS];
};

static void set_up(void **state, uint32_t flags, size_t value, struct fixture *ret)
{
    const open_mode mode = {"auto", IKV_BACKEND_AUTO, 0};
    rng_state rng = {3};

    ret->path = tmpdir_file(*state, "store");
    map_make(ret->path, PAIRS, value, flags, &ret->model);
    ret->store = engine_open(ret->path, IKV_KEY_U64, &mode, NULL);
    ret->result = NULL;
    assert_ok(ikv_result_new(&ret->result), NULL);
    for (uint64_t i = 0; i < PAIRS; i++)
        ret->keys[i] = i;
    rng_shuffle(&rng, ret->keys, PAIRS, sizeof ret->keys[0]);
    map_drop(ret->store, 0, ret->store->file_size);
}

static void tear_down(struct fixture *fixture)
{
    ikv_result_free(fixture->result);
    ikv_close(fixture->store);
    model_free(&fixture->model);
    free(fixture->path);
}

static const ikv_stats *look_up(struct fixture *fixture, size_t first, size_t count,
                                ikv_match match)
{
    assert_batch(fixture->store, &fixture->model, fixture->keys + first, count, match,
                 fixture->result);
    return ikv_result_stats(fixture->result);
}

static uint64_t reads(const ikv_stats *stats)
{
    return stats->index_reads + stats->record_reads;
}

/* Mapped accesses of a batch that finds all of these pairs, if no search is needed: a leaf has its
 * records. */
static uint64_t accesses(const struct fixture *fixture, uint64_t pairs)
{
    return fixture->store->is_clustered ? pairs : 2 * pairs;
}

/* Number of times that all hints were dropped. */
static uint64_t hint_drops(const struct fixture *fixture)
{
    return atomic_load(&fixture->store->map->drops);
}

/* Lookups without a search, by a search with fences, and by one that learns fences. */
static const struct {
    uint32_t flags;
    ikv_match match;
} searches[] = {{0, IKV_EXACT}, {0, IKV_FLOOR}, {0, IKV_CEILING}, {IKV_WRITE_PLAIN, IKV_EXACT}};
#define SEARCHES (sizeof(searches) / sizeof(searches[0]))

/* Look up all keys, with all pages in memory. Memory pressure may have dropped pages of the file or
 * of this program since then, so a batch with faults or reads is repeated: faults that persist fail
 * the test. */
static const ikv_stats *look_up_warm(struct fixture *fixture, ikv_match match)
{
    const ikv_stats *stats = look_up(fixture, 0, PAIRS, match);

    for (int tries = 0; tries < 3 && stats->major_faults + reads(stats) > 0; tries++)
        stats = look_up(fixture, 0, PAIRS, match);
    return stats;
}

static void hints_set_but_pages_absent(void **state)
{
    if (!map_reports_residency())
        skip();
    for (size_t i = 0; i < SEARCHES; i++) {
        struct fixture fixture;

        set_up(state, searches[i].flags, VALUE, &fixture);
        map_set_hints(fixture.store, UINT64_MAX);
        const ikv_stats *stats = look_up(&fixture, 0, PAIRS, searches[i].match);
        if (stats->shards == 1) /* with more, one may drop the hints for pages of another */
            assert_int_equal(reads(stats), 0);
        /* One fault for each page: 4 records a page, and the index. */
        assert_in_range(stats->major_faults, PAIRS / 10, PAIRS);
        const uint64_t drops = hint_drops(&fixture);
        assert_in_range(drops, 1, stats->shards);
        /* The pages are in memory now, and the hints are right again. */
        stats = look_up_warm(&fixture, searches[i].match);
        assert_int_equal(stats->major_faults, 0);
        assert_int_equal(reads(stats), 0);
        assert_int_equal(hint_drops(&fixture), drops);
        tear_down(&fixture);
    }
}

static void hints_clear_but_pages_present(void **state)
{
    if (!map_reports_residency())
        skip();
    for (size_t i = 0; i < SEARCHES; i++) {
        struct fixture fixture;

        set_up(state, searches[i].flags, VALUE, &fixture);
        map_warm(fixture.store, 0, fixture.store->file_size);
        map_set_hints(fixture.store, 0);
        for (int round = 0; round < 3; round++) {
            const ikv_stats *stats = look_up_warm(&fixture, searches[i].match);
            assert_int_equal(reads(stats), 0);
            assert_int_equal(stats->major_faults, 0);
            /* Records; index pages may come from the cache. A search visits a leaf for many keys.
             */
            if (fixture.store->is_clustered)
                assert_true(stats->mapped + stats->cached >= fixture.store->index.pages);
            else
                assert_true(stats->mapped >= PAIRS);
        }
        assert_true(ikv_map_count_resident(fixture.store->map) > PAIRS / 5);
        tear_down(&fixture);
    }
}

static void single_gets_with_wrong_hints(void **state)
{
    if (!map_reports_residency())
        skip();
    struct fixture fixture;

    set_up(state, 0, VALUE, &fixture);
    for (int round = 0; round < 4; round++) {
        map_drop(fixture.store, 0, fixture.store->file_size);
        map_set_hints(fixture.store, round % 2 ? UINT64_MAX : 0);
        for (size_t i = 0; i < 100; i++)
            assert_get(fixture.store, &fixture.model, &fixture.keys[i], IKV_EXACT, fixture.result);
    }
    assert_true(hint_drops(&fixture) >= 1);
    tear_down(&fixture);
}

/* Faults are reported as single lookups report them: two touched pages each. */
static void few_faults_drop_no_hints(void **state)
{
    struct fixture fixture;

    set_up(state, 0, VALUE, &fixture);
    struct ikv_map *map = fixture.store->map;
    map_set_hints(fixture.store, UINT64_MAX);
    for (int i = 0; i < 1000; i++) { /* rare faults, for a long time */
        ikv_map_report_faults(map, 1, 2);
        ikv_map_report_faults(map, 0, 300);
    }
    ikv_map_report_faults(map, 100, 30000); /* a large batch, one fault in 300 touches */
    for (int i = 0; i < 10; i++)            /* several in a row */
        ikv_map_report_faults(map, 1, 2);
    assert_int_equal(hint_drops(&fixture), 0);
    assert_true(ikv_map_is_all_resident(map));
    for (int i = 0; i < 10; i++) /* and as many again */
        ikv_map_report_faults(map, 1, 2);
    assert_int_equal(hint_drops(&fixture), 1);
    assert_int_equal(ikv_map_count_resident(map), 0);
    assert_false(ikv_map_is_all_resident(map));

    map_set_hints(fixture.store, UINT64_MAX);
    ikv_map_report_faults(map, 100, 2000); /* a batch after everything was dropped */
    assert_int_equal(hint_drops(&fixture), 2);
    map_set_hints(fixture.store, UINT64_MAX);
    ikv_map_report_faults(map, UINT64_MAX, UINT64_MAX);
    assert_int_equal(hint_drops(&fixture), 3);
    tear_down(&fixture);
}

static void random_hints(void **state)
{
    struct fixture fixture;
    rng_state rng = {7};

    set_up(state, 0, VALUE, &fixture);
    for (int round = 0; round < 40; round++) {
        const uint64_t size = fixture.store->file_size;
        const uint64_t offset = rng_below(&rng, size);

        map_set_random_hints(fixture.store, &rng);
        map_try_to_drop(fixture.store, offset, 1 + rng_below(&rng, size - offset));
        const size_t count = 1 + (size_t)rng_below(&rng, PAIRS);
        (void)look_up(&fixture, PAIRS - count, count, (ikv_match)(round % 3));
    }
    tear_down(&fixture);
}

/* Whether hints are right in the second batch after all pages were dropped, and the third finds all
 * pages in memory. */
static bool recovers_when_dropped(struct fixture *fixture, ikv_match match)
{
    map_drop(fixture->store, 0, fixture->store->file_size);
    (void)look_up(fixture, 0, PAIRS, match);
    const ikv_stats *stats = look_up(fixture, 0, PAIRS, match);
    const bool hints_right = stats->major_faults == 0 && reads(stats) <= PAIRS / 50;
    return reads(look_up(fixture, 0, PAIRS, match)) == 0 && hints_right;
}

/* Whether hints are right in the second batch after all pages were read into memory. */
static bool recovers_when_warmed(struct fixture *fixture, ikv_match match, bool is_searched)
{
    map_drop(fixture->store, 0, fixture->store->file_size);
    map_warm(fixture->store, 0, fixture->store->file_size);
    (void)look_up(fixture, 0, PAIRS, match);
    const ikv_stats *stats = look_up(fixture, 0, PAIRS, match);
    /* Without a search, cached index pages get hints, too. */
    return stats->major_faults == 0 && reads(stats) == 0 &&
           (is_searched || stats->mapped == accesses(fixture, PAIRS));
}

/* Pages are dropped and read again while batches continue. Other programs may cause pages to be
 * dropped, so two rounds may fail. */
static void hints_recover_within_two_batches(void **state)
{
    if (!map_reports_residency())
        skip();
    for (size_t i = 0; i < SEARCHES; i++) {
        const ikv_match match = searches[i].match;
        struct fixture fixture;
        unsigned dropped = 0;
        unsigned warmed = 0;

        set_up(state, searches[i].flags, VALUE, &fixture);
        for (int round = 0; round < 6; round++) {
            dropped += recovers_when_dropped(&fixture, match);
            warmed += recovers_when_warmed(&fixture, match, i > 0);
        }
        assert_in_range(dropped, 4, 6);
        assert_in_range(warmed, 4, 6);
        tear_down(&fixture);
    }
}

/* The store cached the index when no page was resident, and does not read it again. Once the kernel
 * has the index pages, too, they must still get hints. */
static void cached_index_gets_hints(void **state)
{
    if (!map_reports_residency())
        skip();
    enum { MANY = 60000 };
    const open_mode mode = {"auto", IKV_BACKEND_AUTO, 0};
    char *path = tmpdir_file(*state, "held");
    uint64_t *keys = must_malloc(MANY * sizeof *keys);
    ikv_result *result = NULL;
    store_model model;

    map_make(path, MANY, 8, 0, &model);
    for (uint64_t i = 0; i < MANY; i++)
        keys[i] = i;
    ikv_store *store = engine_open(path, 0, &mode, NULL);
    assert_ok(ikv_result_new(&result), NULL);
    map_drop(store, 0, store->file_size);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            map_warm(store, 0, store->file_size);
        assert_batch(store, &model, keys, MANY, IKV_EXACT, result);
        if (round == 0)
            assert_true(ikv_result_stats(result)->index_reads > 0);
    }
    assert_int_equal(ikv_result_stats(result)->mapped, store->is_clustered ? MANY : 2 * MANY);
    ikv_result_free(result);
    ikv_close(store);
    model_free(&model);
    free(keys);
    free(path);
}

/* Whether the first half and the index are still in memory. If not, reads them again: other
 * programs may cause pages to be dropped. */
static bool keep_half_warm(const struct fixture *fixture, uint64_t half)
{
    const ikv_store *store = fixture->store;
    const uint64_t index = store->v2_index.index_start;
    const uint64_t rest = store->file_size - index;
    const bool kept = map_count_resident(store, 0, half) == map_count_pages(store, 0, half) &&
                      map_count_resident(store, index, rest) == map_count_pages(store, index, rest);

    if (!kept) {
        map_warm(store, 0, half);
        map_warm(store, index, rest);
    }
    return kept;
}

/* Every batch consists of the same records of the half in memory, and of new records of the other
 * half. Neither the caller nor a worker may wait for a page fault. */
static void half_of_the_records_present(void **state)
{
    if (!map_reports_residency())
        skip();
    enum { STEP = 50 };
    struct fixture fixture;
    unsigned batches = 0; /* since pages were dropped */

    set_up(state, 0, 5000, &fixture); /* cold records share pages only with their neighbors */
    const uint64_t half = fixture.store->v2_index.index_start / 2 + 5012;
    uint64_t keys[2 * STEP];
    for (uint64_t i = 0; i < STEP; i++)
        keys[i] = i * (PAIRS / 2 / STEP);
    (void)keep_half_warm(&fixture, half);
    for (uint64_t cold = PAIRS / 2 + 2; cold + 4 * (uint64_t)STEP < PAIRS; cold += STEP) {
        struct rusage before;
        struct rusage after;

        for (uint64_t i = 0; i < STEP; i++)
            keys[STEP + i] = cold + 4 * i;
        assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
        assert_batch(fixture.store, &fixture.model, keys, 2 * STEP, IKV_EXACT, fixture.result);
        assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
        const bool kept = keep_half_warm(&fixture, half);
        if (kept && batches >= 2) {
            const ikv_stats *stats = ikv_result_stats(fixture.result);
            assert_int_equal(stats->major_faults, 0);
            assert_int_equal(after.ru_majflt, before.ru_majflt);
            assert_true(stats->mapped >= accesses(&fixture, STEP)); /* the warm ones */
            if (!fixture.store->is_clustered)
                assert_int_equal(stats->index_reads, 0);
            assert_in_range(reads(stats), 1, 2 * STEP); /* a non-blocking attempt counts */
        }
        batches = kept ? batches + 1 : 0;
    }
    tear_down(&fixture);
}

/* IKV_OPEN_PRIME sets hints for all resident pages, and for no others. */
static void priming_sets_hints(void **state)
{
    if (!map_reports_residency())
        skip();
    const open_mode mode = {"auto, primed", IKV_BACKEND_AUTO, IKV_OPEN_PRIME};
    struct fixture fixture;
    ikv_info info;

    set_up(state, 0, VALUE, &fixture);
    const uint64_t size = fixture.store->file_size;
    for (int warm = 0; warm < 2; warm++) {
        map_drop(fixture.store, 0, size);
        if (warm)
            map_warm(fixture.store, 0, size);
        ikv_store *store = engine_open(fixture.path, 0, &mode, NULL);
        ikv_store_info(store, &info);
        assert_int_equal(info.mapped, size);
        if (warm)
            assert_int_equal(info.resident, size);
        else
            assert_true(info.resident < size / 4); /* pages read by ikv_open */
        assert_int_equal(info.locked, 0);
        ikv_close(store);
    }
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hints_set_but_pages_absent),
        cmocka_unit_test(hints_clear_but_pages_present),
        cmocka_unit_test(single_gets_with_wrong_hints),
        cmocka_unit_test(few_faults_drop_no_hints),
        cmocka_unit_test(random_hints),
        cmocka_unit_test(hints_recover_within_two_batches),
        cmocka_unit_test(cached_index_gets_hints),
        cmocka_unit_test(half_of_the_records_present),
        cmocka_unit_test(priming_sets_hints),
    };

    return cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
}
