/* From the caller's keys to runs. */
#ifndef IKV_PREPARE_H
#define IKV_PREPARE_H

#include "core/query/result.h"

/* Set the fields of a batch that do not depend on how it is looked up. */
void ikv_prepare_begin(struct ikv_result *result, struct ikv_store *store, const void *keys,
                       size_t count, const ikv_get_options *options);
/* Check whether and how far the mapping, which the store has, may be used for `count` keys. */
void ikv_prepare_map(struct ikv_result *result, size_t count);
/* Reserve memory for the keys of items, unless they are the caller's: before lookups in memory.
 * -ENOMEM */
int ikv_prepare_matched(struct ikv_result *result, size_t count);
/* Cut the caller's keys into `shards` runs that look them up in memory. -ENOMEM */
int ikv_prepare_resident_runs(struct ikv_result *result, unsigned shards);
/* Sort and fold the keys that have no answer yet; there are `pending` of them. -ENOMEM */
int ikv_prepare_sorted(struct ikv_result *result, size_t pending);
/* Cut the sorted keys into `shards` runs. -ENOMEM */
int ikv_prepare_runs(struct ikv_result *result, unsigned shards);
/* Give back what was taken from the store. Repeating it does no harm. */
void ikv_prepare_end(struct ikv_result *result);

#endif
