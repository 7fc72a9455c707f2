/* Stores that are asked, one after another, for the keys that the stores before them lack. */
#ifndef FALLBACK_H
#define FALLBACK_H

#include "base/buffer.h"
#include "input/key_reader.h"

#include <indexkv.h>
#include <stdint.h>

struct fallback_store {
    ikv_store *store; /* not owned */
    ikv_result *result;
};

struct fallback {
    struct fallback_store *stores;
    size_t count;
    size_t width;
    struct buffer keys;    /* that are still missing */
    struct buffer places;  /* size_t: their places in the batch */
    struct buffer items;   /* ikv_item: the answers of the batch */
    struct buffer origins; /* uint32_t: the store of each answer; 0 is the first one */
};

/* `stores` may be freed afterwards. Returns STATUS_DONE or STATUS_IO, after reporting. */
int fallback_init(struct fallback *fallback, ikv_store *const *stores, size_t count, size_t width);
void fallback_free(struct fallback *fallback);

/* Ask for the keys of the batch that `result`, of the first store, lacks. fallback->items are the
 * answers of all stores, valid until the next call; `stats` are added up. Returns the exit status:
 * errors are reported, and keys that failed have the status of that. Out of memory there are no
 * items. */
int fallback_look_up(struct fallback *fallback, const struct key_batch *keys,
                     const ikv_result *result, const ikv_get_options *options, ikv_stats *stats);

static inline const ikv_item *fallback_items(const struct fallback *fallback)
{
    return (const ikv_item *)(const void *)fallback->items.data;
}

static inline const uint32_t *fallback_origins(const struct fallback *fallback)
{
    return (const uint32_t *)(const void *)fallback->origins.data;
}

#endif
