/*
 * Look up a batch of keys in a table. In a store it is one batch of the library. In a sharded table
 * keys are distributed to their shards, each of which has a part of the batch; all parts are
 * submitted at once, and their answers put together in the order of the keys.
 */
#ifndef TABLE_BATCH_H
#define TABLE_BATCH_H

#include "base/buffer.h"
#include "table/table.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_part {
    size_t store; /* the shard */
    ikv_result *result;
    struct buffer keys;
    struct buffer places; /* size_t: of the keys in the batch */
    bool submitted;
    int code;
    ikv_error error;
};

struct table_batch {
    const struct table *table;
    size_t count;             /* keys */
    struct table_part *parts; /* part_count in use; the others keep their memory */
    size_t part_count, part_capacity;
    uint32_t *part_of;     /* sharded: a shard's part in this batch + 1, or 0 */
    struct buffer items;   /* ikv_item, sharded only */
    struct buffer origins; /* const struct table_store *, likewise */
    ikv_stats unrouted;    /* of keys that no shard can have */
    uint64_t unavailable;  /* keys of shards that are missing */
    bool failed;           /* as a whole: there are no answers */
};

/* Returns STATUS_DONE, or an exit status after reporting. Free it in any case. */
int table_batch_init(struct table_batch *batch, const struct table *table);
void table_batch_free(struct table_batch *batch);

/* Start looking up keys, which must stay valid; up to `inline_max` keys of one store are looked up
 * at once. Errors are kept for table_batch_wait. */
void table_batch_start(struct table_batch *batch, const void *keys, size_t count,
                       const ikv_get_options *options, size_t inline_max);

/* Wait for the answers. Returns what ikv_wait would: if it fails, there are answers unless
 * table_batch_failed. */
int table_batch_wait(struct table_batch *batch, ikv_error *error);
static inline bool table_batch_failed(const struct table_batch *batch)
{
    return batch->failed;
}

/* The answers in the order of the keys, until the batch is used again. A key of a missing shard is
 * IKV_UNREADABLE, and its origin says so. */
const ikv_item *table_batch_items(const struct table_batch *batch);
/* The store of each answer; NULL: the only one of the table. */
const struct table_store *const *table_batch_origins(const struct table_batch *batch);
/* The first error of a key; NULL: none. */
const ikv_error *table_batch_problem(const struct table_batch *batch);

/* Add up statistics; `latency` has IKV_LEVELS_MAX levels, then records, or is NULL. */
void table_batch_add_stats(const struct table_batch *batch, ikv_stats *stats, ikv_latency *latency);

/* An upper bound on the bytes of values in the results. */
uint64_t table_batch_value_bytes(const struct table_batch *batch);

void table_batch_cancel(struct table_batch *batch); /* table_batch_wait must still be called */
void table_batch_clear(struct table_batch *batch);  /* release the memory of results */

#endif
