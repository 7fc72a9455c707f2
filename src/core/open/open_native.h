/* Opening a native store: reading its trailer, and parts of its index into memory. */
#ifndef IKV_OPEN_NATIVE_H
#define IKV_OPEN_NATIVE_H

#include "core/store/store.h"

/* Header and footer are those that ikv_store_detect returned. */
int ikv_store_open_native(struct ikv_store *store, const struct ikv_header *header,
                          const struct ikv_footer *footer, const ikv_open_options *options,
                          ikv_error *err);

#endif
