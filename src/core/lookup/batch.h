/*
 * A batch: what all its shards share while they run. Keys are sorted and folded (repeats become
 * one); a shard is a range of them, and its slices of the arrays in ikv_result are its own. So
 * shards run side by side without a lock; what they write besides is `canceled`, and items that no
 * other shard writes.
 */
#ifndef IKV_BATCH_H
#define IKV_BATCH_H

#include "core/store/store.h"

#include <stdatomic.h>

struct ikv_batch {
    const struct ikv_store *store;
    const struct ikv_geometry *index; /* cut into pages or into single entries */
    const struct ikv_fences *fences;
    const unsigned char *page_sums; /* held in memory; NULL: they are not */
    uint64_t page_sums_offset;      /* where they are in the file; 0: there are none */
    const unsigned char *caller_keys;
    ikv_item *items;
    const uint32_t *callers; /* places of the sorted keys in the caller's array, repeats together */
    ikv_get_options options;
    struct ikv_learner *learner;  /* that fences were taken from, and that learns; or NULL */
    struct ikv_page_cache *cache; /* NULL: none */
    struct ikv_pace *pace;        /* the store's */
    bool records_only;            /* there is no search: the hits are given */

    struct ikv_map *map;     /* through which what is resident is read; NULL: nothing is */
    uint64_t present;        /* bytes of the file that the mapping may be touched in */
    _Atomic uint64_t copies; /* bytes of records that shards in memory may still take for copies */

    size_t value_budget; /* when a shard's values take more, further ones are IKV_DEFERRED; 0: no
                            bound */
    atomic_bool canceled;

    /* Bytes of records so far, and the most that there can be, since records do not overlap. */
    _Atomic uint64_t fetched;
    _Atomic uint64_t fetched_most;
};

/* Check whether and how far the mapping may be used now. */
static inline void ikv_batch_check_map(struct ikv_batch *batch)
{
    batch->map = ikv_map_usable(batch->store->map, &batch->present);
}

#endif
