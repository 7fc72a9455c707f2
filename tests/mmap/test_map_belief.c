/*
 * What is believed of a mapping's pages, set wrong on purpose and made wrong by dropping them: the
 * answers are right all the same, wrong belief is given up, and right belief comes back within two
 * batches.
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
    const engine_way way = {"auto", IKV_BACKEND_AUTO, 0};
    rng_state rng = {3};

    ret->path = tmpdir_file(*state, "store");
    map_make(ret->path, PAIRS, value, flags, &ret->model);
    ret->store = engine_open(ret->path, IKV_KEY_U64, &way, NULL);
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

static uint64_t forgotten(const struct fixture *fixture)
{
    return atomic_load(&fixture->store->map->forgotten);
}

/* In whichever way keys are looked up: in memory, by the search with fences, by one that learns
 * them. */
static const struct {
    uint32_t flags;
    ikv_match match;
} searches[] = {{0, IKV_EXACT}, {0, IKV_FLOOR}, {0, IKV_CEILING}, {IKV_WRITE_PLAIN, IKV_EXACT}};
#define SEARCHES (sizeof(searches) / sizeof(searches[0]))

/* With all in memory. What another program's need of memory has dropped meanwhile (of this
 * program's own code, too) is waited for once; so only what goes on and on counts. */
static const ikv_stats *look_up_warm(struct fixture *fixture, ikv_match match)
{
    const ikv_stats *stats = look_up(fixture, 0, PAIRS, match);

    for (int tries = 0; tries < 3 && stats->major_faults + reads(stats) > 0; tries++)
        stats = look_up(fixture, 0, PAIRS, match);
    return stats;
}

static void all_is_believed_while_nothing_is_there(void **state)
{
    for (size_t i = 0; i < SEARCHES; i++) {
        struct fixture fixture;

        set_up(state, searches[i].flags, VALUE, &fixture);
        map_believe(fixture.store, UINT64_MAX);
        const ikv_stats *stats = look_up(&fixture, 0, PAIRS, searches[i].match);
        if (stats->shards == 1) /* one may give up what another has not touched yet */
            assert_int_equal(reads(stats), 0);
        /* 4 records a page, and the index: each page was waited for once. */
        assert_in_range(stats->major_faults, PAIRS / 10, PAIRS);
        const uint64_t times = forgotten(&fixture);
        assert_in_range(times, 1, stats->shards);
        /* They are there now, and belief is right again. */
        stats = look_up_warm(&fixture, searches[i].match);
        assert_int_equal(stats->major_faults, 0);
        assert_int_equal(reads(stats), 0);
        assert_int_equal(forgotten(&fixture), times);
        tear_down(&fixture);
    }
}

static void nothing_is_believed_while_all_is_there(void **state)
{
    for (size_t i = 0; i < SEARCHES; i++) {
        struct fixture fixture;

        set_up(state, searches[i].flags, VALUE, &fixture);
        map_warm(fixture.store, 0, fixture.store->file_size);
        map_believe(fixture.store, 0);
        for (int round = 0; round < 3; round++) {
            const ikv_stats *stats = look_up_warm(&fixture, searches[i].match);
            assert_int_equal(reads(stats), 0);
            assert_int_equal(stats->major_faults, 0);
            assert_true(stats->mapped >= PAIRS); /* records; pages of the index may be held */
        }
        assert_true(ikv_map_count(fixture.store->map) > PAIRS / 5);
        tear_down(&fixture);
    }
}

static void single_gets_with_wrong_belief(void **state)
{
    struct fixture fixture;

    set_up(state, 0, VALUE, &fixture);
    for (int round = 0; round < 4; round++) {
        map_drop(fixture.store, 0, fixture.store->file_size);
        map_believe(fixture.store, round % 2 ? UINT64_MAX : 0);
        for (size_t i = 0; i < 100; i++)
            assert_get(fixture.store, &fixture.model, &fixture.keys[i], IKV_EXACT, fixture.result);
    }
    assert_true(forgotten(&fixture) >= 1);
    tear_down(&fixture);
}

/* As single lookups tell of their faults: two touches each. */
static void few_faults_cost_no_belief(void **state)
{
    struct fixture fixture;

    set_up(state, 0, VALUE, &fixture);
    struct ikv_map *map = fixture.store->map;
    map_believe(fixture.store, UINT64_MAX);
    for (int i = 0; i < 1000; i++) { /* seldom, again and again */
        ikv_map_faulted(map, 1, 2);
        ikv_map_faulted(map, 0, 300);
    }
    ikv_map_faulted(map, 100, 30000); /* a large batch, one wait in 300 */
    for (int i = 0; i < 10; i++)      /* several at once */
        ikv_map_faulted(map, 1, 2);
    assert_int_equal(forgotten(&fixture), 0);
    assert_true(ikv_map_believes_whole(map));
    for (int i = 0; i < 10; i++) /* one after another */
        ikv_map_faulted(map, 1, 2);
    assert_int_equal(forgotten(&fixture), 1);
    assert_int_equal(ikv_map_count(map), 0);
    assert_false(ikv_map_believes_whole(map));

    map_believe(fixture.store, UINT64_MAX);
    ikv_map_faulted(map, 100, 2000); /* a batch after everything was dropped */
    assert_int_equal(forgotten(&fixture), 2);
    map_believe(fixture.store, UINT64_MAX);
    ikv_map_faulted(map, UINT64_MAX, UINT64_MAX);
    assert_int_equal(forgotten(&fixture), 3);
    tear_down(&fixture);
}

static void garbage_is_believed(void **state)
{
    struct fixture fixture;
    rng_state rng = {7};

    set_up(state, 0, VALUE, &fixture);
    for (int round = 0; round < 40; round++) {
        const uint64_t size = fixture.store->file_size;
        const uint64_t offset = rng_below(&rng, size);

        map_believe_garbage(fixture.store, &rng);
        map_try_to_drop(fixture.store, offset, 1 + rng_below(&rng, size - offset));
        const size_t count = 1 + (size_t)rng_below(&rng, PAIRS);
        (void)look_up(&fixture, PAIRS - count, count, (ikv_match)(round % 3));
    }
    tear_down(&fixture);
}

/* Whether the second batch after all was dropped knows, and the third finds all in memory. */
static bool recovers_when_dropped(struct fixture *fixture, ikv_match match)
{
    map_drop(fixture->store, 0, fixture->store->file_size);
    (void)look_up(fixture, 0, PAIRS, match);
    const ikv_stats *stats = look_up(fixture, 0, PAIRS, match);
    const bool knows = stats->major_faults == 0 && reads(stats) <= PAIRS / 50;
    return reads(look_up(fixture, 0, PAIRS, match)) == 0 && knows;
}

/* Whether the second batch after all became warm knows. */
static bool recovers_when_warmed(struct fixture *fixture, ikv_match match, bool is_searched)
{
    map_drop(fixture->store, 0, fixture->store->file_size);
    map_warm(fixture->store, 0, fixture->store->file_size);
    (void)look_up(fixture, 0, PAIRS, match);
    const ikv_stats *stats = look_up(fixture, 0, PAIRS, match);
    /* Without a search pages of the index that are held are believed, too. */
    return stats->major_faults == 0 && reads(stats) == 0 &&
           (is_searched || stats->mapped == 2 * PAIRS);
}

/* Dropped, warmed, dropped, ... while batches go on. A time or two another program may have dropped
 * something. */
static void belief_recovers_within_two_batches(void **state)
{
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

/* The index was read when nothing was in memory, and is held by the store since then. Once the page
 * cache has it, too, it is believed, although nobody reads it any more. */
static void an_index_that_is_held_is_believed(void **state)
{
    enum { MANY = 60000 };
    const engine_way way = {"auto", IKV_BACKEND_AUTO, 0};
    char *path = tmpdir_file(*state, "held");
    uint64_t *keys = must_malloc(MANY * sizeof *keys);
    ikv_result *result = NULL;
    store_model model;

    map_make(path, MANY, 8, 0, &model);
    for (uint64_t i = 0; i < MANY; i++)
        keys[i] = i;
    ikv_store *store = engine_open(path, 0, &way, NULL);
    assert_ok(ikv_result_new(&result), NULL);
    map_drop(store, 0, store->file_size);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            map_warm(store, 0, store->file_size);
        assert_batch(store, &model, keys, MANY, IKV_EXACT, result);
        if (round == 0)
            assert_true(ikv_result_stats(result)->index_reads > 0);
    }
    assert_int_equal(ikv_result_stats(result)->mapped, 2 * MANY);
    ikv_result_free(result);
    ikv_close(store);
    model_free(&model);
    free(keys);
    free(path);
}

/* Whether what was warmed is there still: other programs may drop it. If not, it is warmed again.
 */
static bool keep_half_warm(const struct fixture *fixture, uint64_t half)
{
    const ikv_store *store = fixture->store;
    const uint64_t index = store->index.index_start;
    const uint64_t rest = store->file_size - index;
    const bool kept = map_count_resident(store, 0, half) == map_count_pages(store, 0, half) &&
                      map_count_resident(store, index, rest) == map_count_pages(store, index, rest);

    if (!kept) {
        map_warm(store, 0, half);
        map_warm(store, index, rest);
    }
    return kept;
}

/* Half of the records are in memory and looked up again and again; of the others, none of which is,
 * each batch has new ones. Nobody waits for a fault, neither the caller nor a worker. */
static void half_is_there(void **state)
{
    enum { STEP = 50 };
    struct fixture fixture;
    unsigned batches = 0; /* since something was dropped */

    set_up(state, 0, 5000, &fixture); /* cold records share pages with their neighbours only */
    const uint64_t half = 24 + (uint64_t)PAIRS / 2 * (8 + 5000 + 4);
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
            assert_true(stats->mapped >= 2 * STEP); /* the warm ones */
            assert_int_equal(stats->index_reads, 0);
            assert_in_range(stats->record_reads, 1, 2 * STEP); /* tried once without waiting */
        }
        batches = kept ? batches + 1 : 0;
    }
    tear_down(&fixture);
}

/* What is primed is believed at once; and no more than that. */
static void priming_asks_about_all(void **state)
{
    const engine_way way = {"auto, primed", IKV_BACKEND_AUTO, IKV_OPEN_PRIME};
    struct fixture fixture;
    ikv_info info;

    set_up(state, 0, VALUE, &fixture);
    const uint64_t size = fixture.store->file_size;
    for (int warm = 0; warm < 2; warm++) {
        map_drop(fixture.store, 0, size);
        if (warm)
            map_warm(fixture.store, 0, size);
        ikv_store *store = engine_open(fixture.path, 0, &way, NULL);
        ikv_store_info(store, &info);
        assert_int_equal(info.mapped, size);
        if (warm)
            assert_int_equal(info.resident, size); /* not more than there is */
        else
            assert_true(info.resident < size / 4); /* what opening read */
        assert_int_equal(info.locked, 0);
        ikv_close(store);
    }
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_believed_while_nothing_is_there),
        cmocka_unit_test(nothing_is_believed_while_all_is_there),
        cmocka_unit_test(single_gets_with_wrong_belief),
        cmocka_unit_test(few_faults_cost_no_belief),
        cmocka_unit_test(garbage_is_believed),
        cmocka_unit_test(belief_recovers_within_two_batches),
        cmocka_unit_test(an_index_that_is_held_is_believed),
        cmocka_unit_test(half_is_there),
        cmocka_unit_test(priming_asks_about_all),
    };

    return cmocka_run_group_tests(tests, group_dir_setup, group_dir_teardown);
}
