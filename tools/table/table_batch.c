#include "table/table_batch.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int table_batch_init(struct table_batch *batch, const struct table *table)
{
    *batch = (struct table_batch){.table = table};
    if (table->manifest != NULL) {
        batch->part_of = calloc(table->count + 1, sizeof *batch->part_of);
        return batch->part_of != NULL ? STATUS_DONE : out_of_memory();
    }
    batch->parts = calloc(1, sizeof *batch->parts);
    batch->part_capacity = 1;
    if (batch->parts == NULL || ikv_result_new(&batch->parts[0].result) != 0)
        return out_of_memory();
    return STATUS_DONE;
}

void table_batch_free(struct table_batch *batch)
{
    for (size_t i = 0; batch->parts != NULL && i < batch->part_capacity; i++) {
        ikv_result_free(batch->parts[i].result);
        buffer_free(&batch->parts[i].keys);
        buffer_free(&batch->parts[i].places);
    }
    free(batch->parts);
    free(batch->part_of);
    buffer_free(&batch->items);
    buffer_free(&batch->origins);
    *batch = (struct table_batch){.count = 0};
}

/* ---------------------------------------------------------------- distributing keys */

/* The part of a shard in this batch. NULL: out of memory. */
static struct table_part *part_of(struct table_batch *batch, size_t store)
{
    if (batch->part_of[store] != 0)
        return &batch->parts[batch->part_of[store] - 1];
    if (batch->part_count == batch->part_capacity) {
        const size_t capacity = batch->part_capacity == 0 ? 4 : 2 * batch->part_capacity;
        struct table_part *parts = realloc(batch->parts, capacity * sizeof *parts);
        if (parts == NULL)
            return NULL;
        memset(parts + batch->part_capacity, 0, (capacity - batch->part_capacity) * sizeof *parts);
        batch->parts = parts;
        batch->part_capacity = capacity;
    }
    struct table_part *part = &batch->parts[batch->part_count];
    if (part->result == NULL && ikv_result_new(&part->result) != 0)
        return NULL;
    part->store = store;
    part->keys.size = part->places.size = 0;
    batch->part_of[store] = (uint32_t)++batch->part_count;
    return part;
}

/* A key without a lookup. */
static void answer(struct table_batch *batch, size_t place, ikv_status status,
                   const struct table_store *origin)
{
    ((ikv_item *)(void *)batch->items.data)[place] = (ikv_item){.status = (int32_t)status};
    ((const struct table_store **)(void *)batch->origins.data)[place] = origin;
}

static bool distribute_key(struct table_batch *batch, const char *key, size_t place,
                           ikv_match match)
{
    const struct table *table = batch->table;
    const size_t shard = ikv_manifest_shard_of(table->manifest, key, match);
    if (shard == IKV_NO_SHARD) {
        answer(batch, place, IKV_MISSING, &table->whole);
        batch->unrouted.keys++;
        batch->unrouted.distinct++;
        batch->unrouted.missing++;
        return true;
    }
    if (table->stores[shard].store == NULL) {
        answer(batch, place, IKV_UNREADABLE, &table->stores[shard]);
        batch->unavailable++;
        return true;
    }
    struct table_part *part = part_of(batch, shard);
    return part != NULL && buffer_append(&part->keys, key, table->info.key_width) &&
           buffer_append(&part->places, &place, sizeof place);
}

static bool distribute(struct table_batch *batch, const char *keys, ikv_match match)
{
    const size_t width = batch->table->info.key_width;
    batch->items.size = batch->origins.size = 0;
    if (!buffer_reserve(&batch->items, batch->count * sizeof(ikv_item)) ||
        !buffer_reserve(&batch->origins, batch->count * sizeof(const struct table_store *)))
        return false;
    for (size_t i = 0; i < batch->count; i++)
        if (!distribute_key(batch, keys + i * width, i, match))
            return false;
    return true;
}

/* ---------------------------------------------------------------- lookups */

/* Errors are kept until the answers are written, so that they are reported in the order of the
 * keys. ikv_submit returns -EAGAIN if no worker thread could be started. */
static void start_part(struct table_batch *batch, struct table_part *part, const void *keys,
                       size_t count, const ikv_get_options *options, bool at_once)
{
    ikv_store *store = batch->table->stores[part->store].store;
    int code = -EAGAIN;
    if (!at_once)
        code = ikv_submit(store, keys, count, options, NULL, part->result, &part->error);
    part->submitted = code == 0;
    if (code == -EAGAIN)
        code = ikv_get_many(store, keys, count, options, part->result, &part->error);
    part->code = code;
}

static void start_sharded(struct table_batch *batch, const void *keys,
                          const ikv_get_options *options, size_t inline_max)
{
    batch->failed = !distribute(batch, keys, options->match);
    if (batch->failed) { /* nothing is started */
        for (size_t i = 0; i < batch->part_count; i++)
            batch->part_of[batch->parts[i].store] = 0;
        batch->part_count = 0;
        return;
    }
    const bool at_once = batch->part_count == 1 && batch->count <= inline_max;
    for (size_t i = 0; i < batch->part_count; i++) {
        struct table_part *part = &batch->parts[i];
        batch->part_of[part->store] = 0;
        start_part(batch, part, part->keys.data, part->keys.size / batch->table->info.key_width,
                   options, at_once);
    }
}

void table_batch_start(struct table_batch *batch, const void *keys, size_t count,
                       const ikv_get_options *options, size_t inline_max)
{
    batch->count = count;
    batch->unrouted = (ikv_stats){.keys = 0};
    batch->unavailable = 0;
    batch->failed = false;
    batch->part_count = 0;
    if (batch->table->manifest != NULL) {
        start_sharded(batch, keys, options, inline_max);
        return;
    }
    batch->part_count = 1;
    start_part(batch, &batch->parts[0], keys, count, options, count <= inline_max);
}

/* Put the answers of a part into their places. */
static void collect(struct table_batch *batch, const struct table_part *part)
{
    const size_t *places = (const size_t *)(const void *)part->places.data;
    const ikv_item *answers = ikv_result_items(part->result);
    ikv_item *items = (ikv_item *)(void *)batch->items.data;
    const struct table_store **origins = (const struct table_store **)(void *)batch->origins.data;
    for (size_t i = 0; i < ikv_result_count(part->result); i++) {
        items[places[i]] = answers[i];
        origins[places[i]] = &batch->table->stores[part->store];
    }
}

int table_batch_wait(struct table_batch *batch, ikv_error *error)
{
    const bool sharded = batch->table->manifest != NULL;
    int first = 0;
    if (batch->failed) {
        *error = (ikv_error){.code = -ENOMEM};
        return -ENOMEM;
    }
    for (size_t i = 0; i < batch->part_count; i++) {
        struct table_part *part = &batch->parts[i];
        const size_t count =
            sharded ? part->keys.size / batch->table->info.key_width : batch->count;
        if (part->submitted)
            part->code = ikv_wait(part->result, &part->error);
        part->submitted = false;
        const bool whole = part->code != 0 && ikv_result_count(part->result) != count;
        if (part->code != 0 && (first == 0 || (whole && !batch->failed))) {
            first = part->code;
            *error = part->error;
        }
        batch->failed |= whole;
        if (sharded && !whole)
            collect(batch, part);
    }
    return first;
}

/* ---------------------------------------------------------------- answers */

const ikv_item *table_batch_items(const struct table_batch *batch)
{
    return batch->table->manifest != NULL ? (const ikv_item *)(const void *)batch->items.data
                                          : ikv_result_items(batch->parts[0].result);
}

const struct table_store *const *table_batch_origins(const struct table_batch *batch)
{
    return batch->table->manifest != NULL
               ? (const struct table_store *const *)(const void *)batch->origins.data
               : NULL;
}

const ikv_error *table_batch_problem(const struct table_batch *batch)
{
    const ikv_error *problem = NULL;
    for (size_t i = 0; i < batch->part_count && problem == NULL; i++)
        problem = ikv_result_problem(batch->parts[i].result);
    return problem;
}

static void add_latency(const ikv_result *result, ikv_latency *total)
{
    for (uint32_t row = 0; row <= IKV_LEVELS_MAX; row++) {
        const ikv_latency *latency =
            ikv_result_latency(result, row < IKV_LEVELS_MAX ? row : IKV_LATENCY_RECORDS);
        if (latency != NULL)
            ikv_latency_add(&total[row], latency);
    }
}

void table_batch_add_stats(const struct table_batch *batch, ikv_stats *stats, ikv_latency *latency)
{
    ikv_stats_add(stats, &batch->unrouted);
    for (size_t i = 0; i < batch->part_count; i++) {
        const ikv_result *result = batch->parts[i].result;
        ikv_stats_add(stats, ikv_result_stats(result));
        if (latency != NULL)
            add_latency(result, latency);
    }
}

/* Two bounds: the bytes read include the gaps between records that were read together, and the sum
 * of value sizes counts shared values several times. */
uint64_t table_batch_value_bytes(const struct table_batch *batch)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < batch->part_count; i++) {
        const ikv_result *result = batch->parts[i].result;
        const ikv_item *items = ikv_result_items(result);
        uint64_t read = ikv_result_stats(result)->record_bytes, answered = 0;
        for (size_t j = 0; j < ikv_result_count(result); j++)
            answered += items[j].size;
        bytes += read < answered ? read : answered;
    }
    return bytes;
}

void table_batch_cancel(struct table_batch *batch)
{
    for (size_t i = 0; i < batch->part_count; i++)
        ikv_cancel(batch->parts[i].result);
}

void table_batch_clear(struct table_batch *batch)
{
    for (size_t i = 0; i < batch->part_capacity; i++)
        if (batch->parts[i].result != NULL)
            ikv_result_clear(batch->parts[i].result);
}
