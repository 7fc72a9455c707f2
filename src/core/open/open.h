/* Opening and closing a store, without an engine. */
#ifndef IKV_OPEN_H
#define IKV_OPEN_H

#include "core/store/store.h"

/* Open a store, without an engine. `options` have their full size and no defaults left. */
int ikv_store_open(const char *path, const ikv_open_options *options, struct ikv_store **ret_store,
                   ikv_error *err);
/* The store is not in use and is detached from its engine. */
void ikv_store_close(struct ikv_store *store);

#endif
