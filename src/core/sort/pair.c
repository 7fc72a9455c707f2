#include "core/sort/pair.h"

size_t ikv_pair_decode(const struct ikv_key_info *key, const unsigned char *bytes, uint64_t *words,
                       struct ikv_sorted_pair *ret)
{
    const uint32_t size = ikv_load32(bytes + key->width);
    const unsigned char *value = bytes + ikv_pair_head_size(key);

    ikv_key_load(key, bytes, words);
    *ret = (struct ikv_sorted_pair){.key = bytes, .words = words, .size = size};
    if (size > IKV_PAIR_VALUE_MAX)
        ret->spool_offset = ikv_load64(value);
    else
        ret->value = value;
    return ikv_pair_size(key, size);
}

void ikv_pair_encode_head(const struct ikv_key_info *key, const unsigned char *stored_key,
                          uint32_t size, unsigned char *out)
{
    memcpy(out, stored_key, key->width);
    ikv_store32(out + key->width, size);
}
