/*
 * The cost model of lookups. Where all possible batches can be tried, it must equal the mean of the
 * naive model of the search over them exactly. On real stores it must predict the library's counts
 * within the statistical error of the mean of random batches.
 *
 * Tolerance: the chunks of a level are disjoint, so a key in one chunk does not make a key in
 * another more likely (the indicators are negatively associated). Therefore the variance of a
 * level's probes is at most the sum of p * (1 - p) over its chunks, and the deviation of all probes
 * at most the sum of the levels' deviations; the mean of n batches deviates by that divided by
 * sqrt(n). Five standard deviations are allowed, which random batches exceed once in millions of
 * cases, and seeds are fixed.
 */
#include "indexkv.h"

#include "hostkey.h"
#include "measured.h"
#include "probe_keys.h"
#include "probe_model.h"
#include "rng.h"
#include "scale.h"
#include "stores.h"
#include "theory/theory.h"
#include "tmpdir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct theory_records small_records = {16, 16, false, false};
static const struct measured_shape hundred_thousand = {IKV_KEY_U64, 100000, 8, 0};

/* ---------------------------------------------------------------- all possible batches */

/* Add the probes of one batch, times `weight`, to the mean. */
static void add_batch(const probe_model *model, const unsigned char *keys, size_t count,
                      ikv_match match, double weight, double mean[IKV_LEVELS_MAX])
{
    size_t answers[2];
    probe_counts counts;

    probe_model_search(model, keys, count, match, answers, &counts);
    for (size_t level = 0; level < IKV_LEVELS_MAX; level++)
        mean[level] += weight * (double)counts.level[level];
}

/* All batches of two keys drawn independently. If they are equal, one is looked up. */
static void add_all_pairs(const probe_model *model, double mean[IKV_LEVELS_MAX])
{
    const double weight = 1 / ((double)model->count * (double)model->count);
    unsigned char keys[16];

    for (size_t a = 0; a < model->count; a++)
        for (size_t b = a; b < model->count; b++) {
            memcpy(keys, model->keys + a * 8, 8);
            memcpy(keys + 8, model->keys + b * 8, 8);
            add_batch(model, keys, a == b ? 1 : 2, IKV_EXACT, a == b ? weight : 2 * weight, mean);
        }
}

/* All single keys of the index, or an absent key for each gap between them. */
static void add_all_singles(const probe_model *model, int present, ikv_match match,
                            double mean[IKV_LEVELS_MAX])
{
    const size_t count = model->count + (present ? 0 : 1);

    for (size_t i = 0; i < count; i++) {
        unsigned char key[8] = {0};

        if (i < model->count)
            memcpy(key, model->keys + i * 8, 8);
        else
            memset(key, 0xff, 8);
        if (!present && i < model->count)
            key[7]--; /* keys are odd numbers */
        add_batch(model, key, 1, match, 1 / (double)count, mean);
    }
}

static void assert_exact(const struct theory_index *index, const struct theory_batch *batch,
                         const double mean[IKV_LEVELS_MAX], const char *what)
{
    struct theory_cost cost;
    double total = 0;

    theory_cost(index, &small_records, batch, &cost);
    for (uint32_t level = 0; level < IKV_LEVELS_MAX; level++) {
        assert_near(mean[level], level < cost.levels ? cost.level[level] : 0, 1e-9, what);
        total += mean[level];
    }
    assert_near(total, cost.probes, 1e-9, what);
    /* A ceiling in the next group is one level deeper. */
    assert_in_range(cost.levels, theory_max_levels(index),
                    theory_max_levels(index) + (batch->ceiling ? 1 : 0));
}

static void odd_keys(size_t count, unsigned char *ret_keys)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = 1001 + 2 * (uint64_t)i;

        hostkey_to_ordered(IKV_KEY_U64, &key, ret_keys + i * 8);
    }
}

static void means_of_all_batches(void **state)
{
    enum { MAX = 70, STRIDE = 1024 };
    unsigned char keys[MAX * 8];

    (void)state;
    odd_keys(MAX, keys);
    for (size_t count = 1; count <= MAX; count += count < 20 ? 1 : 7)
        for (size_t step = 0; step < 12; step = step < 4 ? step + 1 : step * 2) {
            struct theory_index index = {.pairs = count, .stride = STRIDE};
            double pairs[IKV_LEVELS_MAX] = {0}, singles[IKV_LEVELS_MAX] = {0};
            probe_model model;

            probe_model_init(&model, keys, 8, count, STRIDE, 4096, step);
            index.fences = step ? (model.pages - 1) / step + 1 : 0;
            /* The library uses the smallest step that gives this number of fences. */
            if (step > 0 && (model.pages - 1) / index.fences + 1 != step) {
                probe_model_free(&model);
                continue;
            }
            add_all_pairs(&model, pairs);
            assert_exact(&index, &(struct theory_batch){2, 1, 1, 1, false}, pairs,
                         "two keys, pages");
            add_all_singles(&model, 1, IKV_EXACT, singles);
            assert_exact(&index, &(struct theory_batch){1, 1, 1, 1, false}, singles,
                         "one key, pages");
            for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
                const struct theory_batch batch = {1, 1, 0, 1, match == IKV_CEILING};
                double absent[IKV_LEVELS_MAX] = {0};

                add_all_singles(&model, 0, (ikv_match)match, absent);
                assert_exact(&index, &batch, absent, "an absent key, pages");
            }
            probe_model_free(&model);
        }
}

static void means_of_entry_probes(void **state)
{
    enum { MAX = 70 };
    unsigned char keys[MAX * 8];

    (void)state;
    odd_keys(MAX, keys);
    for (size_t count = 1; count <= MAX; count++) {
        const struct theory_index index = {.pairs = count, .stride = 16, .entry_probes = true};
        double pairs[IKV_LEVELS_MAX] = {0}, singles[IKV_LEVELS_MAX] = {0};
        double absent[IKV_LEVELS_MAX] = {0};
        probe_model model;

        probe_model_init(&model, keys, 8, count, 16, PROBE_ENTRIES, 0);
        add_all_pairs(&model, pairs);
        assert_exact(&index, &(struct theory_batch){2, 1, 1, 1, false}, pairs, "two keys, entries");
        add_all_singles(&model, 1, IKV_EXACT, singles);
        assert_exact(&index, &(struct theory_batch){1, 1, 1, 1, false}, singles,
                     "one key, entries");
        add_all_singles(&model, 0, IKV_EXACT, absent);
        assert_exact(&index, &(struct theory_batch){1, 1, 0, 1, false}, absent,
                     "an absent key, entries");
        probe_model_free(&model);
    }
}

/* ---------------------------------------------------------------- real stores */

static void probes_of_real_stores(void **state)
{
    static const struct {
        ikv_key_type type;
        size_t count;
    } cases[] = {
        {IKV_KEY_U64, 1},     {IKV_KEY_U64, 257},         {IKV_KEY_U64, 5000},
        {IKV_KEY_U64, 65536}, {IKV_KEY_U64, 300000},      {IKV_KEY_U32, 20000},
        {IKV_KEY_U128, 9999}, {IKV_KEY_BYTES(12), 30000}, {IKV_KEY_BYTES(100), 3000},
    };
    /* Memory for nothing, a few fences, some, all and pages. */
    static const uint64_t memories[] = {1, 300, 2000, 1 << 20};
    rng_state random = {2026};

    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct measured m;

        if (cases[c].count > 100000 && test_is_sanitized())
            continue;
        measured_write(state, &random,
                       &(struct measured_shape){cases[c].type, cases[c].count, 8, 0}, &m);
        for (size_t i = 0; i < COUNT_OF(memories); i++) {
            measured_open(&m, memories[i]);
            assert_memory(&m);
            assert_probes(&m, &random, 1, IKV_PROBE_PAGE);
            assert_probes(&m, &random, 20, IKV_PROBE_PAGE);
            assert_probes(&m, &random, 1000, IKV_PROBE_PAGE);
        }
        assert_probes(&m, &random, 1, IKV_PROBE_ENTRY);
        assert_probes(&m, &random, 1000, IKV_PROBE_ENTRY);
        measured_free(&m);
    }
}

/* ---------------------------------------------------------------- reads, pages in memory */

/* Merged reads, within 5%: the model assumes that adjacent reads are independent, and ignores where
 * reads begin and end at the edges of a batch and between generations of records. */
static void merged_reads(void **state)
{
    static const size_t batches[] = {10, 300, 3000, 30000};
    rng_state random = {7};
    struct measured m;
    /* A record: size, value, checksum. */
    const struct theory_records records = {4 + 8 + 4, 4 + 8 + 4, true, false};

    measured_write(state, &random, &hundred_thousand, &m);
    for (size_t b = 0; b < COUNT_OF(batches); b++) {
        struct theory_index index;
        struct theory_cost cost;
        ikv_stats total = {0};
        const double n = 20;

        measured_open(&m, 10000); /* fences, and next to no pages */
        index = measured_index(&m, IKV_PROBE_PAGE);
        index.cached_pages = m.info.max_cached_pages;
        theory_cost(&index, &records, &(struct theory_batch){(double)batches[b], 1, 1, 1, false},
                    &cost);
        for (size_t i = 0; i < (size_t)n; i++)
            ikv_stats_add(&total, measured_lookup(&m, &random, batches[b], IKV_PROBE_PAGE));
        assert_near((double)total.index_reads / n, cost.index_reads, 0.05 * cost.index_reads + 1,
                    "reads of the index");
        assert_near((double)total.record_reads / n, cost.record_reads, 0.05 * cost.record_reads + 1,
                    "reads of records");
        assert_near((double)total.records / n, cost.records, DEVIATIONS * sqrt(cost.records / n),
                    "records");
    }
    measured_free(&m);
}

/* The probability that a page is cached is the share of pages that are cached. Their number changes
 * during a batch, which is allowed for. */
static void pages_in_memory(void **state)
{
    rng_state random = {8};
    struct measured m;
    double expected = 0, drift = 0, variance = 0, cached = 0;

    measured_write(state, &random, &hundred_thousand, &m);
    measured_open(&m, 10000 + 200 * 4200);
    assert_in_range(m.info.max_cached_pages, 180, 220);
    for (size_t i = 0; i < 2000; i++) {
        struct theory_index index = measured_index(&m, IKV_PROBE_PAGE);
        struct theory_cost cost;
        const ikv_stats *stats;
        const uint64_t before = m.info.cached_pages;

        index.cached_pages = before;
        theory_cost(&index, &small_records, &(struct theory_batch){16, 1, 1, 1, false}, &cost);
        stats = measured_lookup(&m, &random, 16, IKV_PROBE_PAGE);
        ikv_store_info(m.store, &m.info);
        cached += (double)stats->cached;
        expected += cost.cached;
        variance += cost.cached;
        drift += cost.probes * fabs((double)m.info.cached_pages - (double)before) /
                 (double)m.info.index_pages;
    }
    assert_near(cached, expected, DEVIATIONS * sqrt(variance) + drift, "pages found in memory");
    measured_free(&m);
}

/* Two workers split a batch. On each level both probe the chunk that contains the split. */
static void probes_of_shards(void **state)
{
    enum { BATCH = 1000, BATCHES = 60 };
    ikv_engine_options engine_options = IKV_ENGINE_OPTIONS_INIT;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    unsigned char *host = must_malloc(BATCH * 8);
    rng_state random = {9};
    struct theory_index index;
    struct theory_cost cost;
    ikv_engine *engine;
    ikv_stats total = {0};
    struct measured m;
    ikv_error err;

    measured_write(state, &random, &hundred_thousand, &m);
    engine_options.threads = 2;
    assert_ok(ikv_engine_new(&engine_options, &engine, &err), &err);
    options.engine = engine;
    options.index_memory = 1;
    options.backend = IKV_BACKEND_PREAD;
    assert_ok(ikv_open(m.path, &options, &m.store, &err), &err);
    ikv_store_info(m.store, &m.info);
    for (size_t i = 0; i < BATCHES; i++) {
        for (size_t k = 0; k < BATCH; k++)
            hostkey_from_ordered(IKV_KEY_U64,
                                 probe_key_at(&m.keys, (size_t)rng_below(&random, m.keys.count)),
                                 host + k * 8);
        assert_ok(ikv_get_many(m.store, host, BATCH, NULL, m.result, &err), &err);
        ikv_stats_add(&total, ikv_result_stats(m.result));
    }
    assert_int_equal(total.shards, 2 * BATCHES);
    index = measured_index(&m, IKV_PROBE_PAGE);
    theory_cost(&index, &small_records, &(struct theory_batch){BATCH, 1, 1, 2, false}, &cost);
    /* Fewer in the last levels, where the split chunk has keys on one side only. */
    assert_near((double)total.probes / (double)BATCHES, cost.probes,
                DEVIATIONS * cost.probes_deviation / sqrt(BATCHES) + 2, "probes of two shards");
    theory_cost(&index, &small_records, &(struct theory_batch){BATCH, 1, 1, 1, false}, &cost);
    assert_true((double)total.probes / (double)BATCHES > cost.probes + 4); /* of nine levels */
    free(host);
    measured_free(&m);
    ikv_engine_close(engine);
}

/* ---------------------------------------------------------------- known numbers */

static void known_numbers(void **state)
{
    const struct theory_index entries = {.pairs = 1000000, .stride = 16, .entry_probes = true};
    const struct theory_index huge = {.pairs = UINT64_C(10000000000), .stride = 16};
    const struct theory_index billion = {.pairs = UINT64_C(1000000000), .stride = 16};
    const struct theory_device device = {.iops = 80000, .latency = 50e-6};
    struct theory_cost cost;
    struct theory_memory memory;
    double sum = 0, distinct = 0;

    (void)state;
    /* A correct divide and conquer takes about 9 probes per key for 1,000 keys of a million. */
    theory_cost(&entries, &small_records, &(struct theory_batch){1000, 1, 1, 1, false}, &cost);
    assert_near(cost.probes / 1000, 9, 0.5, "entry probes of 1,000 keys out of a million");
    assert_int_equal(theory_max_levels(&entries), 20);
    assert_int_equal(theory_max_levels(&huge), 26); /* 39,062,500 pages */
    assert_int_equal(theory_pages(UINT64_MAX / 128, 128), UINT64_MAX / 128 / 32 + 1);
    theory_memory(&billion, 1, UINT64_C(64) << 20, &memory);
    assert_int_equal(memory.full_bytes, 3906250 * 12);
    assert_int_equal(memory.step, 1);

    /* Zipf, summed up by its definition. */
    for (int i = 1; i <= 20000; i++)
        sum += pow(i, -0.99);
    for (int i = 1; i <= 20000; i++)
        distinct += 1 - pow(1 - pow(i, -0.99) / sum, 5000);
    assert_near(theory_distinct_zipf(20000, 0.99, 5000), distinct, 1e-3 * distinct, "Zipf");
    assert_near(theory_distinct(20000, 5000), 20000 * (1 - pow(1 - 1.0 / 20000, 5000)), 1e-6,
                "distinct");

    /* Little's law: requests in flight divided by latency, up to the device's limit. */
    assert_near(theory_iops(&device, 1), 20000, 1e-6, "one in flight");
    assert_near(theory_iops(&device, 256), 80000, 1e-6, "many in flight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_of_all_batches),  cmocka_unit_test(means_of_entry_probes),
        cmocka_unit_test(probes_of_real_stores), cmocka_unit_test(merged_reads),
        cmocka_unit_test(probes_of_shards),      cmocka_unit_test(pages_in_memory),
        cmocka_unit_test(known_numbers),
    };
    return cmocka_run_group_tests_name("theory", tests, tmpdir_setup, tmpdir_teardown);
}
