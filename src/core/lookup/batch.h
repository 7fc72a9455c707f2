/*
 * What the shards of a batch share while they are executed. Nothing here changes during that time
 * but `canceled`, the two budgets, and the items, of which each shard writes its own: shards need
 * no lock.
 */
#ifndef IKV_BATCH_H
#define IKV_BATCH_H

#include "core/store/store.h"

#include <stdatomic.h>

struct ikv_batch {
    const struct ikv_store *store;
    const struct ikv_geometry *index; /* cut into pages or into single entries */
    const struct ikv_fences *fences;
    const unsigned char *page_sums; /* in memory; NULL: not loaded */
    uint64_t page_sums_offset;      /* where they are in the file; 0: there are none */
    const unsigned char *caller_keys;
    ikv_item *items;
    unsigned char *matched; /* lookups in memory, unless IKV_EXACT: keys of the items, by place */
    const uint32_t *places; /* of the sorted keys in the caller's array, equal keys side by side */
    ikv_get_options options;
    const struct ikv_filters *filters; /* of absent keys; NULL: not used */
    _Atomic uint64_t *visited;         /* pages: others are not cached; NULL: all are */
    struct ikv_learner *learner;       /* where fences come from and new ones go; may be NULL */
    struct ikv_page_cache *cache;      /* may be NULL */
    struct ikv_backoff *backoff;       /* the store's */
    bool records_only;                 /* no search: the hits are given (scans) */

    struct ikv_map *map;  /* NULL: must not be used */
    uint64_t usable_size; /* bytes of the mapping that may be touched */

    size_t value_budget; /* records beyond this many bytes a shard are IKV_DEFERRED; 0: no limit */
    atomic_bool canceled;

    /* Bytes that runs in memory may still copy, beyond what they have reserved. */
    _Atomic uint64_t copy_budget;
    /* Bytes of records read so far, and their upper bound, since records do not overlap. */
    _Atomic uint64_t fetched;
    _Atomic uint64_t fetched_max;
};

/* Let all shards end soon. From any thread. */
static inline void ikv_batch_cancel(struct ikv_batch *batch)
{
    atomic_store_explicit(&batch->canceled, true, memory_order_relaxed);
}

/* Check whether and how far the mapping may be used now. */
static inline void ikv_batch_check_map(struct ikv_batch *batch)
{
    batch->map = ikv_map_usable(batch->store->map, &batch->usable_size);
}

#endif
