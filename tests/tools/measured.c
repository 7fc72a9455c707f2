#include "measured.h"

#include "hostkey.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void assert_near(double actual, double expected, double tolerance, const char *what)
{
    if (!(fabs(actual - expected) <= tolerance))
        fail_msg("%s: %.9g, predicted %.9g +- %.3g", what, actual, expected, tolerance);
}

/* ---------------------------------------------------------------- stores */

static void write_store(const struct measured *m)
{
    ikv_writer_options options = store_options(m->keys.type);
    unsigned char *value = calloc(1, m->shape.value_size + 1);
    ikv_writer *writer = NULL;
    ikv_error err;

    assert_non_null(value);
    options.layout = m->shape.leaf_size ? IKV_LAYOUT_CLUSTERED : IKV_LAYOUT_ARRIVAL;
    options.leaf_size = m->shape.leaf_size;
    assert_ok(ikv_writer_new(m->path, &options, &writer, &err), &err);
    for (size_t i = 0; i < m->keys.count; i++) {
        unsigned char host[IKV_KEY_WIDTH_MAX];

        hostkey_from_ordered(m->keys.type, probe_key_at(&m->keys, i), host);
        assert_ok(ikv_writer_add(writer, host, value, m->shape.value_size, &err), &err);
    }
    assert_ok(ikv_writer_finish(writer, NULL, &err), &err);
    free(value);
}

void measured_write(void **state, rng_state *random, const struct measured_shape *shape,
                    struct measured *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->shape = *shape;
    if (shape->type == IKV_KEY_U64)
        probe_keys_spread(random, shape->count, &ret->keys);
    else
        probe_keys_random(random, shape->type, shape->count, MODEL_KEYS_UNIFORM, 0, &ret->keys);
    ret->path = tmpdir_file(*state, "measured");
    write_store(ret);
    assert_ok(ikv_result_new(&ret->result), NULL);
}

void measured_open(struct measured *m, uint64_t index_memory)
{
    ikv_close(m->store);
    m->store = store_open(m->path, m->keys.type, 0, index_memory);
    m->index_memory = index_memory;
    ikv_store_info(m->store, &m->info);
}

void measured_free(struct measured *m)
{
    ikv_result_free(m->result);
    ikv_close(m->store);
    probe_keys_free(&m->keys);
    free(m->path);
}

struct theory_index measured_index(const struct measured *m, ikv_probe probe)
{
    const ikv_info *info = &m->info;
    struct theory_memory memory;
    struct theory_index index = {
        .pairs = info->pair_count,
        .stride = info->stride,
        .leaves = m->shape.leaf_size ? info->index_pages : 0,
        .leaf_size = info->leaf_size,
        .entry_probes = probe == IKV_PROBE_ENTRY,
        .fences = info->fences,
        .max_read = 128 << 10,
    };

    theory_memory(&index, (info->key_width + 7) / 8, m->index_memory, &memory);
    index.rounded = memory.is_rounded;
    return index;
}

/* ---------------------------------------------------------------- lookups */

const ikv_stats *measured_lookup(struct measured *m, rng_state *random, size_t count,
                                 ikv_probe probe)
{
    unsigned char *host = must_malloc(count * m->keys.width);
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_error err;

    options.probe = probe;
    for (size_t i = 0; i < count; i++)
        hostkey_from_ordered(m->keys.type,
                             probe_key_at(&m->keys, (size_t)rng_below(random, m->keys.count)),
                             host + i * m->keys.width);
    assert_ok(ikv_get_many(m->store, host, count, &options, m->result, &err), &err);
    free(host);
    const ikv_stats *stats = ikv_result_stats(m->result);
    assert_int_equal(stats->found, count);
    /* Each shard would begin at the top level again. */
    assert_true(stats->shards <= 1);
    return stats;
}

/*
 * Relative error of the model. For strides that do not divide a page, some pages contain one entry
 * more than others: a chunk of n entries on average has n - 1 to n + 1, and its probability changes
 * by less than this ratio. A page has at least 4096 / stride - 1 entries. Leaves are taken for
 * equally full, but the last one may have few entries, and the first one fewer than the others.
 */
static double uneven(const struct theory_index *index)
{
    if (index->entry_probes)
        return 0;
    if (index->leaves > 0)
        return 2 / (double)index->leaves;
    if (THEORY_PAGE_SIZE % index->stride == 0)
        return 0;
    return 1 / ((double)THEORY_PAGE_SIZE / index->stride - 1);
}

void assert_probes(struct measured *m, rng_state *random, size_t batch, ikv_probe probe)
{
    static const struct theory_records records = {16, 16, false, false};
    /* Fewer say little: five deviations of a count that is expected to be near 0 exclude 1. */
    const size_t batches = batch < 100 ? test_scaled_min(300, 30) : test_scaled_min(30, 3);
    const struct theory_index index = measured_index(m, probe);
    struct theory_cost cost;
    ikv_stats total = {0};
    const double n = (double)batches;

    theory_cost(&index, &records, &(struct theory_batch){(double)batch, 1, 1, 1, false}, &cost);
    for (size_t i = 0; i < batches; i++)
        ikv_stats_add(&total, measured_lookup(m, random, batch, probe));
    assert_true(total.levels <= cost.levels);
    assert_near((double)total.probes / n, cost.probes,
                DEVIATIONS * cost.probes_deviation / sqrt(n) + uneven(&index) * cost.probes,
                "probes per batch");
    for (uint32_t level = 0; level < cost.levels; level++)
        assert_near((double)total.level[level].probes / n, cost.level[level],
                    DEVIATIONS * sqrt(cost.level[level] / n) + uneven(&index) * cost.level[level],
                    "probes of a level");
}

void assert_memory(const struct measured *m)
{
    const struct theory_index index = measured_index(m, IKV_PROBE_PAGE);
    const uint64_t pages = m->shape.leaf_size ? theory_leaves(index.pairs, m->info.key_width,
                                                              m->shape.value_size, index.leaf_size)
                                              : theory_pages(index.pairs, index.stride);
    struct theory_memory memory;

    theory_memory(&index, (m->info.key_width + 7) / 8, m->index_memory, &memory);
    assert_int_equal(pages, m->info.index_pages);
    assert_int_equal(memory.fences, m->info.fences);
    /* The cache holds whole sets of seven pages, and needs some memory itself. */
    assert_near((double)m->info.max_cached_pages, (double)memory.cached_pages, 8,
                "pages in memory");
}
