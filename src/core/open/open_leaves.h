/* Opening a clustered store: reading the size and places of its leaves. */
#ifndef IKV_OPEN_LEAVES_H
#define IKV_OPEN_LEAVES_H

#include "core/store/store.h"

/* Read the section of leaves into store->leaves. The store is clustered if it has one. */
int ikv_store_read_leaves(struct ikv_store *store, ikv_error *err);

/* Set up store->index, so that lookups search the leaves. The properties must have been read. */
int ikv_store_open_leaves(struct ikv_store *store, ikv_error *err);

/* Whether the start of the file has the checksum in the section of leaves. Requires the directory
 * only. */
int ikv_store_is_head_unchanged(struct ikv_store *store, const struct ikv_section *leaves,
                                bool *ret);

#endif
