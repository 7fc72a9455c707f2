/* The leaves of a clustered store: where they are. */
#ifndef IKV_OPEN_LEAVES_H
#define IKV_OPEN_LEAVES_H

#include "core/store/store.h"

/* Read the section that says that the store is clustered, if there is one. */
int ikv_store_read_leaves(struct ikv_store *store, ikv_error *err);

/* Make the leaves what lookups search. The properties are read. */
int ikv_store_open_leaves(struct ikv_store *store, ikv_error *err);

/* Whether the beginning of the file is what the section of leaves says. Only the directory is
 * read. */
int ikv_store_is_head_unchanged(struct ikv_store *store, const struct ikv_section *leaves,
                                bool *ret);

#endif
