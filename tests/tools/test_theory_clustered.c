/*
 * The cost model of lookups in clustered stores, compared with what the library counts. See
 * test_theory.c for the tolerances.
 */
#include "indexkv.h"

#include "hostkey.h"
#include "measured.h"
#include "stores.h"
#include "tmpdir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct theory_records no_records = {0, 0, true, false};

/* Open a store with memory for all fences, and for no leaf. */
static void open_with_fences(struct measured *m)
{
    measured_open(m, 1);
    measured_open(m, m->info.index_pages * 8);
    assert_int_equal(m->info.fences, m->info.index_pages);
    assert_int_equal(m->info.max_cached_pages, 0);
}

static void probes_of_leaves(void **state)
{
    static const struct measured_shape shapes[] = {
        {IKV_KEY_U64, 1, 100, 4096},          {IKV_KEY_U64, 300, 8, 4096},
        {IKV_KEY_U64, 100000, 100, 4096},     {IKV_KEY_U64, 60000, 100, 32768},
        {IKV_KEY_U128, 9999, 20, 4096},       {IKV_KEY_U32, 20000, 0, 4096},
        {IKV_KEY_BYTES(12), 30000, 60, 8192}, {IKV_KEY_BYTES(100), 3000, 300, 16384},
    };
    /* Memory for nothing, a few fences, some or all rounded, all and leaves. */
    static const uint64_t memories[] = {1, 300, 2000, 14000, 1 << 20};
    rng_state random = {2027};

    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        struct measured m;

        measured_write(state, &random, &shapes[s], &m);
        for (size_t i = 0; i < COUNT_OF(memories); i++) {
            measured_open(&m, memories[i]);
            assert_memory(&m);
            assert_probes(&m, &random, 1, IKV_PROBE_PAGE);
            assert_probes(&m, &random, 20, IKV_PROBE_PAGE);
            assert_probes(&m, &random, 1000, IKV_PROBE_PAGE);
        }
        /* The v2 index */
        assert_probes(&m, &random, 1, IKV_PROBE_ENTRY);
        assert_probes(&m, &random, 1000, IKV_PROBE_ENTRY);
        measured_free(&m);
    }
}

/* ---------------------------------------------------------------- one key */

/* Look up one key, which is given in host byte order. */
static const ikv_stats *lookup_one(struct measured *m, uint64_t key, ikv_match match)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_error err;

    options.match = match;
    assert_ok(ikv_get_many(m->store, &key, 1, &options, m->result, &err), &err);
    return ikv_result_stats(m->result);
}

static uint64_t key_at(const struct measured *m, size_t i)
{
    uint64_t key;

    hostkey_from_ordered(m->keys.type, probe_key_at(&m->keys, i), &key);
    return key;
}

/* Every key: one read of a leaf, and nothing else. */
static void assert_present(struct measured *m, ikv_match match)
{
    const struct theory_index index = measured_index(m, IKV_PROBE_PAGE);
    const struct theory_batch batch = {1, 1, 1, 1, match == IKV_CEILING};
    struct theory_cost cost;

    theory_cost(&index, &no_records, &batch, &cost);
    assert_near(1, cost.probes, 1e-9, "probes");
    assert_near(1, cost.index_reads, 1e-9, "reads of leaves");
    assert_near(index.leaf_size, cost.index_bytes, 1e-6, "bytes of leaves");
    assert_near(0, cost.record_reads, 0, "reads of records");
    for (size_t i = 0; i < m->keys.count; i++) {
        const ikv_stats *stats = lookup_one(m, key_at(m, i), match);

        assert_int_equal(stats->found, 1);
        assert_int_equal(stats->index_reads, 1);
        assert_int_equal(stats->index_bytes, index.leaf_size);
        assert_int_equal(stats->record_reads, 0);
    }
}

/* A key in every gap between keys, before the first and after the last. */
static void assert_absent(struct measured *m, ikv_match match)
{
    const struct theory_index index = measured_index(m, IKV_PROBE_PAGE);
    const struct theory_batch batch = {1, 1, 0, 1, match == IKV_CEILING};
    const double gaps = (double)m->keys.count + 1;
    struct theory_cost cost;
    ikv_stats total = {0};

    theory_cost(&index, &no_records, &batch, &cost);
    for (size_t i = 0; i <= m->keys.count; i++) {
        const uint64_t key = i == 0 ? key_at(m, 0) - 1 : key_at(m, i - 1) + 1;

        if (i > 0 && i < m->keys.count)
            assert_true(key < key_at(m, i));
        ikv_stats_add(&total, lookup_one(m, key, match));
    }
    assert_near((double)total.probes / gaps, cost.probes, 1e-9, "probes of absent keys");
    assert_near((double)total.index_reads / gaps, cost.index_reads, 1e-3, "reads of absent keys");
    assert_near((double)total.index_bytes / gaps, cost.index_bytes, 1e-6, "bytes of absent keys");
    for (uint32_t level = 0; level < cost.levels; level++)
        assert_near((double)total.level[level].probes / gaps, cost.level[level], 1e-9,
                    "probes of a level");
}

static void single_keys(void **state)
{
    static const struct measured_shape shapes[] = {
        {IKV_KEY_U64, 3000, 100, 4096},
        {IKV_KEY_U64, 3000, 700, 8192},
        {IKV_KEY_U64, 20, 100, 4096}, /* one leaf */
    };
    rng_state random = {3};

    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        struct measured m;

        measured_write(state, &random, &shapes[s], &m);
        open_with_fences(&m);
        for (int match = IKV_EXACT; match <= IKV_CEILING; match++) {
            assert_present(&m, (ikv_match)match);
            assert_absent(&m, (ikv_match)match);
        }
        measured_free(&m);
    }
}

/* ---------------------------------------------------------------- batches */

/* Ceilings of random gaps. With thinned fences, a key at the right edge of the leaves between two
 * fences is answered by the next fence's leaf. */
static void ceilings(void **state)
{
    enum { BATCH = 400, BATCHES = 100 };
    static const struct measured_shape shape = {IKV_KEY_U64, 20000, 1000, 4096};
    static const uint64_t memories[] = {1, 8000, 50000};
    const double batches = (double)BATCHES;
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    rng_state random = {4};
    struct measured m;
    ikv_error err;

    options.match = IKV_CEILING;
    measured_write(state, &random, &shape, &m);
    for (size_t i = 0; i < COUNT_OF(memories); i++) {
        const struct theory_batch batch = {(double)BATCH, 1, 0, 1, true};
        uint64_t keys[BATCH];
        struct theory_index index;
        struct theory_cost cost;
        ikv_stats total = {0};

        measured_open(&m, memories[i]);
        index = measured_index(&m, IKV_PROBE_PAGE);
        theory_cost(&index, &no_records, &batch, &cost);
        for (size_t b = 0; b < BATCHES; b++) {
            for (size_t k = 0; k < BATCH; k++) {
                const size_t gap = (size_t)rng_below(&random, m.keys.count + 1);
                keys[k] = gap == 0 ? key_at(&m, 0) - 1 : key_at(&m, gap - 1) + 1;
            }
            assert_ok(ikv_get_many(m.store, keys, BATCH, &options, m.result, &err), &err);
            ikv_stats_add(&total, ikv_result_stats(m.result));
        }
        assert_near((double)total.probes / batches, cost.probes,
                    DEVIATIONS * cost.probes_deviation / sqrt(batches) +
                        2 * cost.probes / (double)index.leaves,
                    "probes of ceilings");
        for (uint32_t level = 0; level < cost.levels; level++)
            assert_near((double)total.level[level].probes / batches, cost.level[level],
                        DEVIATIONS * sqrt(cost.level[level] / batches) + 0.5, "probes of a level");
    }
    measured_free(&m);
}

/* Reads of adjacent leaves are merged, within 5% as in test_theory.c. */
static void merged_leaves(void **state)
{
    static const struct measured_shape shapes[] = {{IKV_KEY_U64, 100000, 100, 4096},
                                                   {IKV_KEY_U64, 100000, 100, 16384}};
    static const size_t batches[] = {10, 300, 3000, 30000};
    rng_state random = {5};

    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        struct measured m;

        measured_write(state, &random, &shapes[s], &m);
        for (size_t b = 0; b < 2 * COUNT_OF(batches); b++) {
            const size_t count = batches[b / 2];
            const struct theory_batch batch = {(double)count, 1, 1, 1, false};
            struct theory_index index;
            struct theory_cost cost;
            ikv_stats total = {0};
            const double n = 20;

            /* A read is limited in chunks, not pages, which matters if most pages have two. */
            if (b % 2 == 1 && count > 3000)
                continue;
            open_with_fences(&m);
            if (b % 2 == 1) /* rounded ones */
                measured_open(&m, m.info.index_pages * 5);
            index = measured_index(&m, IKV_PROBE_PAGE);
            assert_int_equal(index.rounded, b % 2);
            theory_cost(&index, &no_records, &batch, &cost);
            for (size_t i = 0; i < (size_t)n; i++)
                ikv_stats_add(&total, measured_lookup(&m, &random, count, IKV_PROBE_PAGE));
            assert_near((double)total.index_reads / n, cost.index_reads,
                        0.05 * cost.index_reads + 1, "reads of leaves");
            assert_near((double)total.index_bytes / n, cost.index_bytes,
                        0.05 * cost.index_bytes + 2 * index.leaf_size, "bytes of leaves");
            assert_int_equal(total.record_reads, 0);
        }
        measured_free(&m);
    }
}

/* Records outside the leaves: one more read each. */
static void long_records(void **state)
{
    static const struct measured_shape shape = {IKV_KEY_U64, 2000, 6000, 4096};
    static const struct theory_records records = {4 + 6000 + 4, 4 + 6000 + 4, true, false};
    rng_state random = {6};
    struct measured m;
    struct theory_index index;
    struct theory_cost cost;

    measured_write(state, &random, &shape, &m);
    open_with_fences(&m);
    assert_memory(&m);
    index = measured_index(&m, IKV_PROBE_PAGE);
    index.outside = 1;
    theory_cost(&index, &records, &(struct theory_batch){1, 1, 1, 1, false}, &cost);
    assert_near(cost.index_reads + cost.record_reads, 2, 1e-3, "reads per key");
    /* Of 2,000 records the one before the leaves is longer in the file, and takes another read. */
    for (size_t count = 1; count <= 1000; count *= 10) {
        ikv_stats total = {0};
        const double n = count == 1 ? 500 : 20;

        theory_cost(&index, &records, &(struct theory_batch){(double)count, 1, 1, 1, false}, &cost);
        for (size_t i = 0; i < (size_t)n; i++)
            ikv_stats_add(&total, measured_lookup(&m, &random, count, IKV_PROBE_PAGE));
        assert_near((double)total.record_reads / n, cost.record_reads, 0.05 * cost.record_reads + 1,
                    "reads of records");
    }
    measured_free(&m);
}

/* The largest value that is in a leaf. */
static void value_sizes(void **state)
{
    const uint32_t max = theory_leaf_value_max(8, 4096);
    rng_state random = {7};

    for (uint32_t size = max - 1; size <= max + 1; size++) {
        const struct measured_shape shape = {IKV_KEY_U64, 500, size, 4096};
        struct measured m;

        measured_write(state, &random, &shape, &m);
        open_with_fences(&m);
        assert_memory(&m);
        assert_int_equal(measured_lookup(&m, &random, 1, IKV_PROBE_PAGE)->record_reads, size > max);
        measured_free(&m);
    }
}

/* The end of the index, exactly; the file, but for the constant parts of the trailer and, in
 * arrival order, 4 bytes for each MiB of records. */
static void file_sizes(void **state)
{
    static const uint32_t sizes[] = {0, 8, 100, 500, 1000, 2000, 4000};
    static const ikv_key_type types[] = {IKV_KEY_U64, IKV_KEY_BYTES(12)};
    rng_state random = {9};

    for (size_t i = 0; i < 4 * COUNT_OF(sizes); i++) {
        /* Many pages show what each of them adds. */
        const size_t count = i < 4 ? i : sizes[i / 4] <= 100 ? 60000 : 2000;
        const struct measured_shape shape = {types[i % 2], count, sizes[i / 4],
                                             i % 4 < 2 ? 0 : 4096};
        const uint32_t leaf = shape.leaf_size;
        struct measured m;

        measured_write(state, &random, &shape, &m);
        measured_open(&m, 1);
        const uint64_t data = theory_data_bytes(m.info.pair_count, m.info.key_width, m.info.stride,
                                                shape.value_size, leaf);
        assert_int_equal(m.info.index_start + m.info.pair_count * m.info.stride, data);
        assert_in_range(m.info.file_size - data -
                            theory_trailer_bytes(m.info.index_pages, m.info.key_width, leaf),
                        96 + 96, 96 + 96 + 64 + 6 * 32 + 4 * 9 + 7 * 8);
        measured_free(&m);
    }
}

static void known_numbers(void **state)
{
    struct theory_index index = {.pairs = 10000000, .stride = 16, .leaf_size = 4096};
    struct theory_memory memory;

    (void)state;
    /* 4080 bytes / (8 + 2 + 4 + 100 + 4) */
    index.leaves = theory_leaves(index.pairs, 8, 100, 4096);
    assert_int_equal(index.leaves, (10000000 + 33) / 34);
    theory_memory(&index, 1, UINT64_C(64) << 20, &memory);
    assert_int_equal(memory.full_bytes, index.leaves * 8);
    assert_int_equal(memory.step, 1);
    assert_false(memory.checksums_on_disk);
    index.pairs = UINT64_C(1000000000);
    index.leaves = theory_leaves(index.pairs, 8, 100, 4096);
    theory_memory(&index, 1, UINT64_C(64) << 20, &memory);
    assert_int_equal(memory.step, 4);
    assert_false(memory.checksums_on_disk);
    /* Rounded fences of all leaves fit into 128 MB. */
    theory_memory(&index, 1, UINT64_C(128000000), &memory);
    assert_true(memory.is_rounded);
    assert_int_equal(memory.fences, index.leaves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_of_leaves), cmocka_unit_test(single_keys),
        cmocka_unit_test(ceilings),         cmocka_unit_test(merged_leaves),
        cmocka_unit_test(long_records),     cmocka_unit_test(value_sizes),
        cmocka_unit_test(known_numbers),    cmocka_unit_test(file_sizes),
    };
    return cmocka_run_group_tests_name("theory of clustered stores", tests, tmpdir_setup,
                                       tmpdir_teardown);
}
