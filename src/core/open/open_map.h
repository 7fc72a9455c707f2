/* Mapping the store's file and preloading parts of it, as the options say. */
#ifndef IKV_OPEN_MAP_H
#define IKV_OPEN_MAP_H

#include "core/store/store.h"

/* Options that need the mapping; those of them that read the file into it. */
#define IKV_MAP_FLAGS                                                                              \
    (IKV_OPEN_PRELOAD | IKV_OPEN_PRELOAD_INDEX | IKV_OPEN_LOCK | IKV_OPEN_COPY | IKV_OPEN_PRIME)
#define IKV_PRELOAD_FLAGS (IKV_OPEN_PRELOAD | IKV_OPEN_PRELOAD_INDEX)

/* With IKV_BACKEND_AUTO a file that can't be mapped is opened without a mapping. */
int ikv_store_open_map(struct ikv_store *store, const ikv_open_options *options, ikv_error *err);

#endif
