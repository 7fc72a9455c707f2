/* Opening the store's file a second time, with O_DIRECT, for lookups that bypass the page cache. */
#ifndef IKV_OPEN_DIRECT_H
#define IKV_OPEN_DIRECT_H

#include "core/store/store.h"

int ikv_store_open_direct(struct ikv_store *store, ikv_error *err);

#endif
