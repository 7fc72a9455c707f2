/* Choosing the leaf size of a clustered store from the sizes of its values. */
#ifndef IKV_LEAF_SIZE_H
#define IKV_LEAF_SIZE_H

#include "core/format/size_stats.h"
#include "core/key/key.h"

/* Deterministic. */
uint32_t ikv_leaf_size_choose(const struct ikv_key_info *key, const struct ikv_size_stats *sizes);

#endif
