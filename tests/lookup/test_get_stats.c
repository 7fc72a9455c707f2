/*
 * ikv_get_many: numbers of probes compared with the documented limits, options, reuse of results,
 * and sums of statistics.
 */
#include "indexkv.h"

#include "model.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* An open store of u64 keys whose index has many pages. */
typedef struct many_pages {
    store_model model;
    ikv_store *store;
    ikv_result *result;
    ikv_info info;
    char *path;
} many_pages;

static void open_many_pages(void **state, size_t count, uint32_t flags, uint64_t index_memory,
                            many_pages *ret)
{
    ikv_writer_options options = store_options(IKV_KEY_U64);
    rng_state random = {count};

    ret->path = tmpdir_file(*state, "pages");
    model_init(&ret->model, IKV_KEY_U64);
    model_fill(&ret->model, &random, count, MODEL_KEYS_UNIFORM, MODEL_SIZES_EIGHT);
    options.flags = flags;
    store_write(ret->path, &ret->model, &options);
    ret->store = store_open(ret->path, IKV_KEY_U64, 0, index_memory);
    ret->result = NULL;
    assert_ok(ikv_result_new(&ret->result), NULL);
    ikv_store_info(ret->store, &ret->info);
}

static void close_many_pages(many_pages *pages)
{
    ikv_result_free(pages->result);
    ikv_close(pages->store);
    model_free(&pages->model);
    free(pages->path);
}

/* ceil(log2(pages + 1)), the number of probes of a binary search among `pages`. */
static uint64_t probes_among(uint64_t pages)
{
    uint64_t probes = 0;

    while ((UINT64_C(1) << probes) < pages + 1)
        probes++;
    return probes;
}

/* Each lookup of a single key takes at most `exact` probes. Floor and ceiling may also probe the
 * next page. */
static void assert_probes_of_single_keys(many_pages *pages, uint64_t exact)
{
    rng_state random = {exact};

    for (size_t i = 0; i < test_scaled(2000); i++) {
        ikv_match match = (ikv_match)(i % 3);
        uint64_t key;
        uint64_t max = exact + (match != IKV_EXACT);
        uint64_t probes;

        model_probe_key(&random, &pages->model, &key);
        assert_get(pages->store, &pages->model, &key, match, pages->result);
        probes = ikv_result_stats(pages->result)->probes;
        if (probes > max)
            fail_msg("%llu probes for a key in %llu pages, match %d; expected %llu at most",
                     (unsigned long long)probes, (unsigned long long)pages->info.index_pages,
                     (int)match, (unsigned long long)max);
    }
}

static void logarithmic_probes_without_fences(void **state)
{
    static const size_t counts[] = {1, 256, 257, 512, 1000, 1793, 20000};

    for (size_t i = 0; i < COUNT_OF(counts); i++)
        for (uint32_t flags = 0; flags <= IKV_WRITE_PLAIN; flags += IKV_WRITE_PLAIN) {
            many_pages pages;

            open_many_pages(state, counts[i], flags, 1, &pages);
            assert_int_equal(pages.info.fences, 0);
            if (pages.info.layout == IKV_LAYOUT_ARRIVAL)
                assert_int_equal(pages.info.index_pages, (counts[i] + 255) / 256);
            assert_probes_of_single_keys(&pages, probes_among(pages.info.index_pages));
            close_many_pages(&pages);
        }
}

static void one_probe_with_all_fences(void **state)
{
    many_pages pages;

    open_many_pages(state, 20000, 0, 0, &pages);
    assert_int_equal(pages.info.fences, pages.info.index_pages);
    assert_true(pages.info.index_memory > 0);
    assert_probes_of_single_keys(&pages, 1);
    close_many_pages(&pages);
}

static void fewer_probes_with_some_fences(void **state)
{
    static const uint64_t memories[] = {100, 200, 400, 600};

    for (size_t i = 0; i < COUNT_OF(memories); i++) {
        many_pages pages;
        uint64_t apart;

        open_many_pages(state, 16000, 0, memories[i], &pages);
        assert_true(pages.info.index_memory <= memories[i]);
        assert_true(pages.info.fences < pages.info.index_pages ||
                    pages.info.layout == IKV_LAYOUT_CLUSTERED); /* those of leaves are rounded */
        apart = pages.info.fences == 0
                    ? pages.info.index_pages
                    : (pages.info.index_pages + pages.info.fences - 1) / pages.info.fences;
        /* Every n-th fence is kept. As n is an integer, gaps may be almost twice as wide. */
        assert_probes_of_single_keys(&pages, probes_among(2 * apart));
        close_many_pages(&pages);
    }
}

static void batch_of_all_keys_reads_every_page_once(void **state)
{
    static const uint64_t memories[] = {1, 200, 0};

    for (size_t i = 0; i < COUNT_OF(memories); i++) {
        many_pages pages;
        unsigned char *keys;
        const ikv_stats *stats;
        ikv_error err;

        open_many_pages(state, 16000, 0, memories[i], &pages);
        keys = must_malloc(pages.model.count * 8);
        for (size_t k = 0; k < pages.model.count; k++)
            memcpy(keys + 8 * k, pages.model.pairs[k].key, 8);
        assert_ok(ikv_get_many(pages.store, keys, pages.model.count, NULL, pages.result, &err),
                  &err);
        stats = ikv_result_stats(pages.result);
        assert_int_equal(stats->found, pages.model.count);
        assert_int_equal(stats->shards, 1); /* two would both read some pages */
        assert_int_equal(stats->probes - stats->cached, pages.info.index_pages);
        assert_int_equal(stats->records, pages.model.count);
        assert_true(stats->record_bytes >= pages.model.count * 8 ||
                    pages.info.layout == IKV_LAYOUT_CLUSTERED);
        assert_true(stats->index_bytes >= pages.info.index_size);
        free(keys);
        close_many_pages(&pages);
    }
}

/* ---------------------------------------------------------------- options and results */

static void open_small(void **state, many_pages *ret)
{
    open_many_pages(state, 50, 0, 0, ret);
}

static void larger_options_need_zero_extensions(void **state)
{
    struct {
        ikv_get_options known;
        uint64_t extensions[2];
    } options = {IKV_GET_OPTIONS_INIT, {0, 0}};
    many_pages pages;
    uint64_t key = 1;
    ikv_error err;

    open_small(state, &pages);
    options.known.size = sizeof(options);
    assert_ok(ikv_get_many(pages.store, &key, 1, &options.known, pages.result, &err), &err);
    options.extensions[1] = 1;
    assert_failed(ikv_get_many(pages.store, &key, 1, &options.known, pages.result, &err),
                  IKV_E_INVALID, &err, NULL);
    assert_int_equal(ikv_result_count(pages.result), 0);
    close_many_pages(&pages);
}

static void unknown_match_is_invalid(void **state)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    many_pages pages;
    uint64_t key = 1;
    ikv_error err;

    open_small(state, &pages);
    options.match = (ikv_match)(IKV_RANGE + 1);
    assert_failed(ikv_get_many(pages.store, &key, 1, &options, pages.result, &err), IKV_E_INVALID,
                  &err, NULL);
    assert_int_equal(ikv_result_count(pages.result), 0);
    assert_failed(ikv_get(pages.store, &key, &options, pages.result, &err), IKV_E_INVALID, &err,
                  NULL);
    close_many_pages(&pages);
}

static void null_arguments_are_invalid(void **state)
{
    many_pages pages;
    uint64_t key = 1;
    ikv_store *store = NULL;
    ikv_scan *scan = NULL;
    ikv_item item;
    ikv_error err;

    open_small(state, &pages);
    assert_failed(ikv_open(NULL, NULL, &store, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_open(pages.path, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_get_many(NULL, &key, 1, NULL, pages.result, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_get_many(pages.store, NULL, 1, NULL, pages.result, &err), IKV_E_INVALID, &err,
                  NULL);
    assert_failed(ikv_get_many(pages.store, &key, 1, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_get(pages.store, NULL, NULL, pages.result, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_scan_open(NULL, NULL, &scan, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_scan_open(pages.store, NULL, NULL, &err), IKV_E_INVALID, &err, NULL);
    assert_failed(ikv_scan_next(NULL, &item, &err), IKV_E_INVALID, &err, NULL);
    assert_int_equal(ikv_result_new(NULL), IKV_E_INVALID);
    close_many_pages(&pages);
}

static void keys_need_no_alignment(void **state)
{
    many_pages pages;
    unsigned char buffer[50 * 8 + 8];

    open_small(state, &pages);
    for (size_t shift = 1; shift < 8; shift++) {
        for (size_t i = 0; i < 50; i++)
            memcpy(buffer + shift + 8 * i, pages.model.pairs[i].key, 8);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++)
            assert_batch(pages.store, &pages.model, buffer + shift, 50, (ikv_match)match,
                         pages.result);
    }
    close_many_pages(&pages);
}

static void empty_batch_has_empty_result(void **state)
{
    many_pages pages;
    ikv_error err;

    open_small(state, &pages);
    assert_batch(pages.store, &pages.model, pages.model.pairs[0].key, 1, IKV_EXACT, pages.result);
    assert_ok(ikv_get_many(pages.store, NULL, 0, NULL, pages.result, &err), &err);
    assert_int_equal(ikv_result_count(pages.result), 0);
    assert_int_equal(ikv_result_stats(pages.result)->keys, 0);
    assert_int_equal(ikv_result_stats(pages.result)->probes, 0);
    assert_null(ikv_result_problem(pages.result));
    close_many_pages(&pages);
}

static void results_outlive_stores_and_can_be_reused(void **state)
{
    many_pages pages;
    many_pages other;
    const ikv_item *items;
    uint64_t keys[50];

    open_small(state, &pages);
    for (size_t i = 0; i < 50; i++)
        memcpy(&keys[i], pages.model.pairs[i].key, 8);
    assert_batch(pages.store, &pages.model, keys, 50, IKV_EXACT, pages.result);
    ikv_close(pages.store);
    pages.store = NULL;
    items = ikv_result_items(pages.result);
    for (size_t i = 0; i < 50; i++)
        assert_item(&pages.model, &keys[i], IKV_EXACT, &items[i]);

    /* Reused with another store, and after ikv_result_clear. */
    open_many_pages(state, 3000, 0, 0, &other);
    for (int round = 0; round < 3; round++) {
        assert_batch(other.store, &other.model, keys, 50, IKV_FLOOR, pages.result);
        ikv_result_clear(pages.result);
        assert_int_equal(ikv_result_count(pages.result), 0);
    }
    close_many_pages(&other);
    close_many_pages(&pages);
    ikv_result_free(NULL);
    ikv_close(NULL);
}

static void error_of_missing_key_contains_it(void **state)
{
    many_pages pages;
    uint64_t key = UINT64_C(12345678901234567);
    ikv_error err;

    open_small(state, &pages);
    assert_null(model_find(&pages.model, &key, IKV_EXACT));
    assert_failed(ikv_get(pages.store, &key, NULL, pages.result, &err), IKV_E_NOT_FOUND, &err,
                  pages.path);
    assert_int_equal(err.key_type, IKV_KEY_U64);
    assert_memory_equal(err.key, &key, sizeof(key));
    assert_non_null(strstr(err.message, "12345678901234567"));
    /* err may be NULL. */
    assert_int_equal(ikv_get(pages.store, &key, NULL, pages.result, NULL), IKV_E_NOT_FOUND);
    close_many_pages(&pages);
}

static void err_is_not_written_on_success(void **state)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    ikv_scan *scan = NULL;
    ikv_store *store = NULL;
    many_pages pages;
    ikv_error before;
    ikv_error err;
    ikv_item item;

    open_small(state, &pages);
    memset(&before, 0x5a, sizeof(before));
    memcpy(&err, &before, sizeof(err));
    assert_int_equal(ikv_open(pages.path, NULL, &store, &err), 0);
    assert_int_equal(ikv_get(store, pages.model.pairs[0].key, NULL, pages.result, &err), 0);
    assert_int_equal(ikv_get_many(store, pages.model.pairs[1].key, 1, NULL, pages.result, &err), 0);
    for (int order = IKV_ORDER_KEY; order <= IKV_ORDER_STORAGE; order++) {
        options.order = (ikv_order)order;
        assert_int_equal(ikv_scan_open(store, &options, &scan, &err), 0);
        assert_int_equal(ikv_scan_next(scan, &item, &err), 0);
        ikv_scan_close(scan);
    }
    assert_int_equal(ikv_verify(pages.path, NULL, NULL, NULL, &err), 0);
    assert_memory_equal(&err, &before, sizeof(err));
    ikv_close(store);
    close_many_pages(&pages);
}

static void statistics_add_up(void **state)
{
    many_pages pages;
    ikv_stats total;
    uint64_t keys = 0;
    uint64_t probes = 0;
    uint64_t level_reads = 0;
    uint64_t record_bytes = 0;
    uint64_t total_level_reads = 0;

    memset(&total, 0, sizeof(total));
    open_many_pages(state, 5000, 0, 1, &pages);
    for (size_t i = 1; i < 60; i++) {
        const ikv_stats *stats;

        assert_batch(pages.store, &pages.model, pages.model.pairs[i].key, 1, IKV_FLOOR,
                     pages.result);
        stats = ikv_result_stats(pages.result);
        ikv_stats_add(&total, stats);
        keys += stats->keys;
        probes += stats->probes;
        record_bytes += stats->record_bytes;
        for (uint32_t level = 0; level < stats->levels; level++)
            level_reads += stats->level[level].reads;
    }
    assert_int_equal(total.keys, keys);
    assert_int_equal(total.found, keys);
    assert_int_equal(total.probes, probes);
    assert_int_equal(total.record_bytes, record_bytes);
    assert_string_equal(total.backend, "pread");
    assert_true(total.levels >= 3);
    for (uint32_t level = 0; level < total.levels; level++)
        total_level_reads += total.level[level].reads;
    assert_int_equal(total_level_reads, level_reads);
    close_many_pages(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithmic_probes_without_fences),
        cmocka_unit_test(one_probe_with_all_fences),
        cmocka_unit_test(fewer_probes_with_some_fences),
        cmocka_unit_test(batch_of_all_keys_reads_every_page_once),
        cmocka_unit_test(larger_options_need_zero_extensions),
        cmocka_unit_test(unknown_match_is_invalid),
        cmocka_unit_test(null_arguments_are_invalid),
        cmocka_unit_test(keys_need_no_alignment),
        cmocka_unit_test(empty_batch_has_empty_result),
        cmocka_unit_test(results_outlive_stores_and_can_be_reused),
        cmocka_unit_test(error_of_missing_key_contains_it),
        cmocka_unit_test(err_is_not_written_on_success),
        cmocka_unit_test(statistics_add_up),
    };

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
