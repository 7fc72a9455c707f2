/* The leaf size of a clustered store, chosen from the sizes of its values. */
#ifndef IKV_LEAF_SIZE_H
#define IKV_LEAF_SIZE_H

#include "core/format/size_stats.h"
#include "core/key/key.h"

/* Depends on the arguments only. */
uint32_t ikv_leaf_size_choose(const struct ikv_key_info *key, const struct ikv_size_stats *sizes);

#endif
