/* Opening and closing a store, without an engine. */
#ifndef IKV_OPEN_H
#define IKV_OPEN_H

#include "core/store/store.h"

/* Open a store, without an engine. `options` have their full size and no defaults left. */
/* With a `source` (which is closed with the store, or on failure) its bytes are read, otherwise the
 * file `path`. */
int ikv_store_open(const char *path, struct ikv_source *source, const ikv_open_options *options,
                   struct ikv_store **ret_store, ikv_error *err);
/* The store is not in use and is detached from its engine. */
void ikv_store_close(struct ikv_store *store);

#endif
