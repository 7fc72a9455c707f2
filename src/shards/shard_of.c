/* From keys to shards: a search in an array of numbers, which is smaller than that of shards. */
#include "shards/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

/*
 * A number with which keys of a type compare as the keys do, if they differ in it: the first, or
 * most significant, 8 bytes of a key. If not, the keys may be equal.
 */
static uint64_t order_of(ikv_key_type type, const void *key)
{
    const size_t width = ikv_key_width(type); /* at least 1 */
    const size_t used = width < 1 ? 1 : width < 8 ? width : 8;
    const bool is_signed = (type & ~0xffu) == (IKV_KEY_I8 & ~0xffu);
    const bool is_bytes = (type & ~0xffu) == (IKV_KEY_BYTES(1) & ~0xffu);
    const unsigned char *bytes = key;
    uint64_t number = 0;
    for (size_t i = 0; i < used; i++)
        number = number << 8 | bytes[is_bytes || !is_little_endian() ? i : width - 1 - i];
    return is_signed ? number ^ UINT64_C(1) << (8 * used - 1) : number;
}

int ikv_manifest_index(struct ikv_manifest *manifest)
{
    const size_t count = manifest->shard_count;
    manifest->order = calloc(2 * count + 1, sizeof *manifest->order);
    if (manifest->order == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        manifest->order[i] = order_of(manifest->key_type, manifest->shards[i].first);
        manifest->order[count + i] = order_of(manifest->key_type, manifest->shards[i].last);
    }
    return 0;
}

/* The number of shards whose first (or last) key is below `key`, or equal with `equal`. */
static size_t count_below(const struct ikv_manifest *manifest, const void *key, bool last,
                          bool equal)
{
    const uint64_t *order_of_shards =
        manifest->order == NULL ? NULL : manifest->order + (last ? manifest->shard_count : 0);
    const uint64_t wanted = order_of_shards == NULL ? 0 : order_of(manifest->key_type, key);
    size_t low = 0, high = manifest->shard_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct ikv_shard *shard = &manifest->shards[middle];
        int order = 0;
        if (order_of_shards != NULL && order_of_shards[middle] != wanted)
            order = order_of_shards[middle] < wanted ? -1 : 1;
        else
            order = ikv_key_compare(manifest->key_type, last ? shard->last : shard->first, key);
        if (order < 0 || (order == 0 && equal))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t ikv_manifest_shard_of(const struct ikv_manifest *manifest, const void *key, ikv_match match)
{
    if (match == IKV_CEILING) {
        const size_t next = count_below(manifest, key, true, false);
        return next < manifest->shard_count ? next : IKV_NO_SHARD;
    }
    const size_t count = count_below(manifest, key, false, true);
    if (count == 0)
        return IKV_NO_SHARD;
    if (match == IKV_EXACT &&
        ikv_key_compare(manifest->key_type, key, manifest->shards[count - 1].last) > 0)
        return IKV_NO_SHARD;
    return count - 1;
}
