/* A store that is merged: a scan in key order, and its current pair. */
#ifndef IKV_MERGE_SOURCE_H
#define IKV_MERGE_SOURCE_H

#include "core/key/key.h"
#include "core/store/store.h"

struct ikv_merge_source {
    struct ikv_store *store;
    struct ikv_scan *scan; /* NULL: not open */
    ikv_item item;         /* valid until the source moves on */
    uint64_t words[IKV_KEY_WORDS_MAX];
};

/* Start at the first pair, see ikv_merge_source_next. `memory`: for values read ahead. */
int ikv_merge_source_open(struct ikv_merge_source *source, struct ikv_store *store, uint64_t memory,
                          ikv_error *err);
void ikv_merge_source_close(struct ikv_merge_source *source);

/* Move to the next pair. 0; IKV_E_END; or an error, also for a pair that is damaged or can't be
 * read. */
int ikv_merge_source_next(struct ikv_merge_source *source, ikv_error *err);

#endif
