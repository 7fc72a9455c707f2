/* Pages entered into the page table in the background: what lookups answer meanwhile, and the end
 * of that work with the store, in a forked child, and at the end of a truncated file. */
#include "map_fixture.h"

#include "process.h"
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PAIRS 6000u
#define VALUE 3000u /* 18 MB: small files have no thread */
#define BATCH 500u

static store_model model;
static char *path;

static int make_store(void **state)
{
    const int code = group_dir_setup(state);

    path = tmpdir_file(*state, "store");
    map_make(path, PAIRS, VALUE, 0, &model);
    return code;
}

static int remove_store(void **state)
{
    model_free(&model);
    free(path);
    return group_dir_teardown(state);
}

/* `frequent`: as if very many resident pages without hints had been visited. */
static ikv_store *open_store(bool frequent)
{
    const open_mode mode = {"auto", IKV_BACKEND_AUTO, 0};
    ikv_store *store = engine_open(path, 0, &mode, NULL);

    map_warm(store, 0, store->file_size);
    if (frequent)
        atomic_store(&store->map->busy_until, UINT64_MAX);
    return store;
}

/* Have all blocks entered, or again. */
static bool want_all(const ikv_store *store)
{
    bool waits = true;

    for (uint64_t block = 0; block < store->map->background.blocks; block++)
        waits &= ikv_background_want(&store->map->background, block, 1) == IKV_WANT_WAITS;
    return waits;
}

static void look_up(ikv_store *store, ikv_result *result, uint64_t first, uint64_t step)
{
    uint64_t keys[BATCH];

    for (uint64_t i = 0; i < BATCH; i++)
        keys[i] = (first + i * step) % PAIRS;
    assert_batch(store, &model, keys, BATCH, IKV_EXACT, result);
}

static void wait_until_entered(const ikv_store *store)
{
    ikv_info info;

    do
        ikv_store_info(store, &info);
    while (info.entering > 0 && usleep(1000) == 0);
}

/* Every batch touches each part of the file. Memory pressure may drop pages of it. */
static void enter_all(ikv_store *store, ikv_result *result)
{
    const uint64_t pages = map_count_pages(store, 0, store->file_size);

    for (uint64_t i = 0; i < 1000 && ikv_map_count_resident(store->map) < pages; i++) {
        look_up(store, result, i, PAIRS / BATCH);
        wait_until_entered(store);
        /* What was resident in part is entered again after a second. */
        if (ikv_map_count_resident(store->map) < pages) {
            map_warm(store, 0, store->file_size);
            ikv_background_reset(&store->map->background);
        }
    }
    assert_int_equal(ikv_map_count_resident(store->map), pages);
    assert_true(ikv_map_is_all_resident(store->map));
}

static void frequent_visits_enter_the_file(void **state)
{
    (void)state;
    if (!map_reports_residency())
        skip();
    for (int may_query = 0; may_query < 2; may_query++) {
        ikv_store *store = open_store(true);
        ikv_result *result = NULL;
        ikv_info info;

        if (!may_query) /* as for a file of somebody else: by reads that do not wait */
            store->map->can_query = false;
        assert_ok(ikv_result_new(&result), NULL);
        enter_all(store, result);
        ikv_store_info(store, &info);
        assert_int_equal(info.entering, 0);
        assert_in_range(info.entered, info.file_size / 2, info.file_size);
        look_up(store, result, 0, 7);
        assert_int_equal(ikv_result_stats(result)->record_reads, 0);
        assert_string_equal(ikv_result_stats(result)->backend, "mmap");
        ikv_result_free(result);
        ikv_close(store);
    }
}

/* While pages wait to be entered they are read, like pages that are not resident. */
static void waiting_pages_are_read(void **state)
{
    (void)state;
    if (!map_reports_residency())
        skip();
    atomic_bool stop = true;
    ikv_store *store = open_store(true);
    ikv_result *result = NULL;
    ikv_info info;

    assert_ok(ikv_result_new(&result), NULL);
    look_up(store, result, 0, PAIRS / BATCH);
    const ikv_stats *stats = ikv_result_stats(result);
    assert_true(stats->record_reads + stats->index_reads > 0);
    wait_until_entered(store);
    ikv_store_info(store, &info);
    assert_true(info.entered > 0);

    /* Stopped work enters nothing. */
    map_set_hints(store, 0);
    ikv_map_enter(store->map, 0, &stop);
    assert_int_equal(ikv_map_count_resident(store->map), 0);
    stop = false;
    ikv_map_enter(store->map, 0, &stop);
    assert_int_equal(ikv_map_count_resident(store->map), IKV_MAP_BLOCK_WORDS * 64);
    ikv_result_free(result);
    ikv_close(store);
}

/* A block is entered at once if it is cached as a whole, and otherwise, or where that was in vain,
 * word by word. Either way the hints are those of words that are resident as a whole. */
static void blocks_in_part(void **state)
{
    (void)state;
    if (!map_reports_residency())
        skip();
    const uint64_t word = (uint64_t)64 << 12;
    const uint64_t pages = IKV_MAP_BLOCK_WORDS * 64;
    atomic_bool stop = false;
    ikv_store *store = open_store(false);

    if (store->map->shift != 12)
        skip();
    for (unsigned vain = 0; vain <= 1000; vain += 1000) {
        for (unsigned dropped = 0; dropped < 2; dropped++) {
            map_set_hints(store, 0);
            if (dropped) { /* all but two words, and what the system reads ahead */
                map_drop(store, 0, store->file_size);
                map_warm(store, pages << 12, 2 * word);
            } else {
                map_warm(store, pages << 12, pages << 12);
            }
            atomic_store(&store->map->vain, vain);
            ikv_map_enter(store->map, 1, &stop);
            for (uint64_t page = pages; page < 2 * pages; page++) {
                const bool resident = map_count_resident(store, page << 12, 4096) == 1;
                const uint64_t first = page / 64 * 64;
                const bool whole = map_count_resident(store, first << 12, word) == 64;
                assert_true(resident || !ikv_map_has_hints(store->map, page, page));
                assert_int_equal(ikv_map_has_hints(store->map, page, page), whole);
            }
            assert_true(ikv_map_has_hints(store->map, pages, pages + 127));
            assert_true(dropped || ikv_map_has_hints(store->map, pages, 2 * pages - 1));
            assert_false(ikv_map_has_hints(store->map, 0, 0));
        }
    }
    ikv_close(store);
}

/* A block is entered again within the second if its pages are found resident in a row. */
static void blocks_are_entered_again(void **state)
{
    (void)state;
    if (!map_reports_residency())
        skip();
    ikv_store *store = open_store(false);
    struct ikv_background *background = &store->map->background;
    unsigned again = 0;

    for (int round = 0; round < 3; round++) {
        map_set_hints(store, 0);
        const enum ikv_want first = ikv_background_want(background, 1, 1);
        assert_int_equal(first, round == 0 ? IKV_WANT_WAITS : IKV_WANT_DONE);
        for (again = 1; ikv_background_want(background, 1, 1) == IKV_WANT_DONE; again++)
            if (round == 1 && again < 20) /* every other page is absent */
                ikv_background_note_absent(background, 1);
        wait_until_entered(store);
        if (round > 0)
            assert_true(ikv_map_has_hints(store->map, 512, 1023));
        assert_in_range(again, round == 1 ? 20 : 1, round == 1 ? 30 : 10);
    }
    ikv_close(store);
}

/* A file that is visited here and there is left alone: 60 keys touch at most 120 pages. */
static void few_visits_start_no_thread(void **state)
{
    (void)state;
    ikv_store *store = open_store(false);
    ikv_result *result = NULL;
    ikv_info info;

    assert_ok(ikv_result_new(&result), NULL);
    for (uint64_t i = 0; i < 60; i++) {
        const uint64_t key = i * 97 % PAIRS;
        assert_get(store, &model, &key, IKV_EXACT, result);
    }
    ikv_store_info(store, &info);
    assert_int_equal(info.entered, 0);
    assert_int_equal(info.entering, 0);
    assert_null(atomic_load(&store->map->background.populator));
    ikv_result_free(result);
    ikv_close(store);
}

static void no_thread_for_small_files(void **state)
{
    char *small = tmpdir_file(*state, "small");
    const open_mode mode = {"auto", IKV_BACKEND_AUTO, 0};
    store_model pairs;

    map_make(small, 1000, 100, 0, &pairs);
    ikv_store *store = engine_open(small, 0, &mode, NULL);
    assert_true(atomic_load(&store->map->no_background));
    ikv_close(store);
    model_free(&pairs);
    free(small);
}

/* Work that waits or is being done ends when the store is closed. */
static void closing_stops_it(void **state)
{
    (void)state;
    if (!map_reports_residency())
        skip();
    const process_usage before = process_usage_now();

    for (int round = 0; round < 20; round++) {
        ikv_store *store = open_store(true);
        (void)want_all(store);
        ikv_close(store);
        assert_process_usage(before);
    }
}

/* Works on a block until it is stopped, or for two seconds. */
static void enter_until_stopped(void *user, uint64_t block, const atomic_bool *stop)
{
    (void)block;
    atomic_fetch_add((atomic_uint *)user, 1);
    for (int ms = 0; ms < 2000 && !atomic_load(stop); ms++)
        (void)usleep(1000);
}

static void stopping_ends_the_work(void **state)
{
    (void)state;
    atomic_uint entered = 0;
    struct ikv_background background = {
        .blocks = 3, .enter = enter_until_stopped, .user = &entered};

    for (uint64_t block = 0; block < background.blocks; block++)
        assert_int_equal(ikv_background_want(&background, block, 1), IKV_WANT_WAITS);
    ikv_background_stop(&background);
    assert_true(atomic_load(&entered) <= 1);
    assert_null(atomic_load(&background.populator));
}

static void thread_ends_when_idle(void **state)
{
    (void)state;
    if (!map_reports_residency() || process_threads() == 0)
        skip();
    const size_t before = process_threads();
    ikv_store *store = open_store(true);

    for (int round = 0; round < 2; round++) { /* and is started again */
        map_set_hints(store, 0);
        ikv_background_reset(&store->map->background);
        assert_int_equal(ikv_background_want(&store->map->background, 0, 1), IKV_WANT_WAITS);
        wait_until_entered(store);
        assert_true(ikv_map_has_hints(store->map, 0, 63));
        assert_int_equal(process_threads_down_to(before), before);
    }
    ikv_close(store);
}

/* In the child: 0 if everything worked. */
static int child_main(ikv_store *store)
{
    ikv_info info;

    ikv_store_info(store, &info);
    if (info.entering != 0) /* the parent's */
        return 2;
    map_set_hints(store, 0);
    if (!want_all(store))
        return 3;
    wait_until_entered(store);
    if (ikv_map_count_resident(store->map) != map_count_pages(store, 0, store->file_size))
        return 4;
    ikv_close(store);
    return 0;
}

static void child_has_its_own_thread(void **state)
{
    (void)state;
    if (!map_reports_residency() || test_is_sanitized() /* a thread may hold its locks */)
        skip();
    for (int round = 0; round < 10; round++) {
        ikv_store *store = open_store(true);
        int status = 0;

        (void)want_all(store);
        const pid_t child = fork();
        if (child == 0)
            _exit(child_main(store));
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        wait_until_entered(store);
        assert_int_equal(ikv_map_count_resident(store->map),
                         map_count_pages(store, 0, store->file_size));
        ikv_close(store);
    }
}

/* Pages that the file no longer has get no hints, and raise no signal. */
static void truncated_file(void **state)
{
    if (!map_reports_residency())
        skip();
    const open_mode mode = {"auto", IKV_BACKEND_AUTO, 0};
    char *copy = tmpdir_file(*state, "truncated");

    file_copy(path, copy);
    ikv_store *store = engine_open(copy, 0, &mode, NULL);
    const uint64_t half = store->file_size / 2;
    const uint64_t pages = map_count_pages(store, 0, half);
    map_warm(store, 0, store->file_size);
    (void)want_all(store);
    file_truncate(copy, half);
    wait_until_entered(store);

    map_set_hints(store, 0);
    ikv_background_reset(&store->map->background);
    (void)want_all(store);
    wait_until_entered(store);
    assert_true(ikv_map_count_resident(store->map) <= pages);
    assert_true(ikv_map_count_resident(store->map) >= pages / 2);
    ikv_close(store);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequent_visits_enter_the_file),
        cmocka_unit_test(waiting_pages_are_read),
        cmocka_unit_test(blocks_in_part),
        cmocka_unit_test(blocks_are_entered_again),
        cmocka_unit_test(few_visits_start_no_thread),
        cmocka_unit_test(no_thread_for_small_files),
        cmocka_unit_test(closing_stops_it),
        cmocka_unit_test(stopping_ends_the_work),
        cmocka_unit_test(thread_ends_when_idle),
        cmocka_unit_test(child_has_its_own_thread),
        cmocka_unit_test(truncated_file),
    };

    return cmocka_run_group_tests(tests, make_store, remove_store);
}
