/* Tables that are asked, one after another, for the keys that those before them lack. */
#ifndef FALLBACK_H
#define FALLBACK_H

#include "base/buffer.h"
#include "key_input/key_batch.h"
#include "table/table_batch.h"

#include <indexkv.h>
#include <stdbool.h>
#include <stdint.h>

struct fallback_table {
    struct table_batch batch;
    bool asked;
    const ikv_error *problem; /* the first error of the last batch; NULL: none */
    ikv_error error;          /* if a lookup failed as a whole */
};

struct fallback {
    struct fallback_table *tables;
    size_t count;
    size_t width;
    struct buffer keys;    /* that are still missing */
    struct buffer places;  /* size_t: their places in the batch */
    struct buffer items;   /* ikv_item: the answers of the batch */
    struct buffer origins; /* const struct table_store *: the store of each answer */
};

/* Returns STATUS_DONE or STATUS_IO, after reporting. */
int fallback_init(struct fallback *fallback, const struct table *tables, size_t count,
                  size_t width);
void fallback_free(struct fallback *fallback);

/* Ask for the keys that `batch`, of the first table, lacks. fallback->items are the answers of all
 * tables, valid until the next call; `stats` are added up. Keys that failed have the status of
 * that. False: out of memory, and there are no items. */
bool fallback_look_up(struct fallback *fallback, const struct key_batch *keys,
                      const struct table_batch *batch, const ikv_get_options *options,
                      ikv_stats *stats);
/* Keys that could not be looked up, in shards that are missing. */
uint64_t fallback_unavailable(const struct fallback *fallback);

/* Whether a key of the last batch failed. */
bool fallback_has_failed(const struct fallback *fallback);
/* Report why. Returns the exit status. */
int fallback_report(const struct fallback *fallback);

static inline const ikv_item *fallback_items(const struct fallback *fallback)
{
    return (const ikv_item *)(const void *)fallback->items.data;
}

static inline const struct table_store *const *fallback_origins(const struct fallback *fallback)
{
    return (const struct table_store *const *)(const void *)fallback->origins.data;
}

#endif
