#include "bench/predict.h"

#include "theory/theory.h"

#include <math.h>

#define HEADER_BYTES    24
#define SIZE_BYTES      4
#define CHECKSUM_BYTES  4
#define PLAIN_FIRST_MAX 16384

/* The buffers of a worker with a ring share this memory, within these bounds per buffer; the buffer
 * of pread has the maximum. As in the library's window.c, which says why. */
#define RING_MEMORY   (UINT64_C(2) << 20)
#define READ_SIZE_MIN (32u << 10)
#define READ_SIZE_MAX (128u << 10)

static uint32_t max_read_size(const struct bench_setup *setup)
{
    if (setup->backend == IKV_BACKEND_PREAD)
        return READ_SIZE_MAX;
    const uint64_t share = RING_MEMORY / setup->depth / THEORY_PAGE_SIZE * THEORY_PAGE_SIZE;
    return share < READ_SIZE_MIN   ? READ_SIZE_MIN
           : share > READ_SIZE_MAX ? READ_SIZE_MAX
                                   : (uint32_t)share;
}

static bool is_clustered(const ikv_info *info)
{
    return info->layout == IKV_LAYOUT_CLUSTERED;
}

/* The share of records that are too long for a leaf. At most one in a hundred is not counted; NaN:
 * unknown from the sizes of the values. */
static double outside_leaves(const ikv_info *info)
{
    if (!is_clustered(info) || info->records_end == info->index_pages * info->leaf_size)
        return 0;
    const uint32_t max = theory_leaf_value_max(info->key_width, info->leaf_size);
    if (info->value_size_min > max)
        return 1;
    return info->value_size_p99 <= max ? 0 : NAN;
}

static struct theory_index index_of(const struct bench_subject *subject,
                                    const struct bench_setup *setup,
                                    const struct bench_point *point,
                                    const struct bench_result *result)
{
    const ikv_info *info = &subject->info;
    struct theory_memory memory;
    struct theory_index index = {
        .pairs = info->pair_count,
        .stride = info->stride,
        .leaves = is_clustered(info) ? info->index_pages : 0,
        .leaf_size = info->leaf_size,
        .outside = outside_leaves(info),
        .entry_probes = point->probe == IKV_PROBE_ENTRY,
        .fences = result->fences,
        .cached_pages = result->repetitions
                            ? (uint64_t)llround(result->cached_pages / (double)result->repetitions)
                            : 0,
        .checksums_on_disk = bench_checksums_on_disk(subject, setup, point),
        .max_read = max_read_size(setup),
    };

    theory_memory(&index, (info->key_width + 7) / 8, setup->memory, &memory);
    index.rounded = memory.is_rounded;
    return index;
}

/* An entry probe finds the record in its leaf, which is read from there to its end. */
static struct theory_records records_in_leaves(const ikv_info *info, bool direct)
{
    const double per_leaf = (double)info->pair_count / (double)info->index_pages;

    return (struct theory_records){info->leaf_size / per_leaf, info->leaf_size / 2.0, true, direct};
}

static struct theory_records records_of(const struct bench_subject *subject,
                                        const struct bench_setup *setup,
                                        const struct bench_point *point)
{
    const ikv_info *info = &subject->info;
    if (is_clustered(info) && point->probe == IKV_PROBE_ENTRY && outside_leaves(info) == 0)
        return records_in_leaves(info, setup->state == BENCH_DIRECT);
    struct theory_records records = {.in_key_order = info->in_key_order != 0,
                                     .direct = setup->state == BENCH_DIRECT};

    records.bytes = (double)(info->records_end - HEADER_BYTES) / (double)info->pair_count;
    records.first_read = info->has_trailer
                             ? (double)info->value_size_p99 + CHECKSUM_BYTES + SIZE_BYTES
                             : fmin(2 * records.bytes, PLAIN_FIRST_MAX) + SIZE_BYTES;
    return records;
}

/* A batch as runs of consecutive keys at random places. Zipf's frequent keys are spread over the
 * store, so only the number of distinct keys matters. */
static struct theory_batch batch_of(const struct bench_subject *subject,
                                    const struct bench_point *point)
{
    const double pairs = (double)subject->info.pair_count, keys = (double)point->batch;
    struct theory_batch batch = {keys, 1, point->present, 1, false};

    if (point->distribution == DISTRIBUTION_SEQUENTIAL)
        batch = (struct theory_batch){1, keys, point->present, 1, false};
    if (point->distribution == DISTRIBUTION_CLUSTERED) {
        batch.run_length = fmin((double)subject->plan->run_length, keys);
        batch.runs = keys / batch.run_length;
    }
    if (point->distribution == DISTRIBUTION_ZIPF && pairs > 1) {
        const double distinct =
            theory_distinct_zipf(subject->info.pair_count, subject->plan->theta, keys);
        batch.runs = log1p(-fmin(distinct / pairs, 1 - 1e-12)) / log1p(-1 / pairs);
    }
    return batch;
}

/* Through the mapping, reads are not merged, checksums are not read separately, and no pages are
 * cached. With all fences, each key takes one page or leaf, and one record if it is present and not
 * in that leaf. */
static void predict_mapped(struct theory_index *index, uint64_t pages,
                           const struct theory_records *records, const struct theory_batch *batch,
                           struct bench_prediction *prediction)
{
    const double outside = index->leaves > 0 && !index->entry_probes ? index->outside : 1;
    struct theory_cost cost;

    index->checksums_on_disk = false;
    theory_cost(index, records, batch, &cost);
    prediction->probes_per_key = cost.probes / cost.keys;
    prediction->reads_per_key = (cost.probes + outside * cost.records) / cost.keys;
    if (index->entry_probes || index->fences < pages)
        return;
    prediction->probes_per_key = 1;
    prediction->reads_per_key = 1 + outside * batch->present;
}

void bench_predict(const struct bench_subject *subject, const struct bench_setup *setup,
                   const struct bench_point *point, const struct bench_result *result,
                   struct bench_prediction *ret_prediction)
{
    struct theory_index index = index_of(subject, setup, point, result);
    const struct theory_records records = records_of(subject, setup, point);
    struct theory_batch batch = batch_of(subject, point);
    const bool partly_cached = !index.entry_probes && index.cached_pages > 0 &&
                               index.cached_pages < subject->info.index_pages;
    struct theory_cost cost;

    if (result->keys > 0) /* how the library split batches */
        batch.shards = (double)result->counts.shards * (double)point->batch / (double)result->keys;
    if (result->counts.mapped > result->counts.index_reads + result->counts.record_reads) {
        predict_mapped(&index, subject->info.index_pages, &records, &batch, ret_prediction);
        return;
    }
    theory_cost(&index, &records, &batch, &cost);
    ret_prediction->probes_per_key = cost.probes / (double)point->batch;
    ret_prediction->reads_per_key =
        partly_cached && point->distribution != DISTRIBUTION_UNIFORM
            ? NAN
            : (cost.index_reads + cost.record_reads) / (double)point->batch;
}
