/* Loading the filters of absent keys of a clustered store. */
#ifndef IKV_OPEN_FILTERS_H
#define IKV_OPEN_FILTERS_H

#include "core/store/store.h"

/* Load as many segments as fit into `memory` bytes. A damaged filter is not used, which costs reads
 * but changes no answer. -ENOMEM, or -errno of a failed read. */
int ikv_store_open_filters(struct ikv_store *store, uint64_t memory, ikv_error *err);

#endif
