/*
 * A pair as the pair sorter keeps it, in memory and in runs: stored key, u32 size, then the value.
 * Values above IKV_PAIR_VALUE_MAX are kept in a separate file, the spool; of these the pair has the
 * u64 offset there.
 */
#ifndef IKV_PAIR_H
#define IKV_PAIR_H

#include "core/key/key.h"

#define IKV_PAIR_VALUE_MAX 65536u

/* A decoded pair, which points to the encoded one. */
struct ikv_sorted_pair {
    const unsigned char *key; /* stored form */
    const uint64_t *words;
    uint32_t size;
    const unsigned char *value; /* NULL: in the spool */
    uint64_t spool_offset;
};

/* Bytes of a pair before its value. */
static inline uint32_t ikv_pair_head_size(const struct ikv_key_info *key)
{
    return key->width + (uint32_t)sizeof(uint32_t);
}
/* Encoded size of a pair. */
static inline size_t ikv_pair_size(const struct ikv_key_info *key, uint32_t value_size)
{
    return ikv_pair_head_size(key) +
           (value_size > IKV_PAIR_VALUE_MAX ? sizeof(uint64_t) : value_size);
}
/* Decode a pair; its key's words are stored in `words`. Returns its encoded size. */
size_t ikv_pair_decode(const struct ikv_key_info *key, const unsigned char *bytes, uint64_t *words,
                       struct ikv_sorted_pair *ret);
/* Encode what precedes the value. */
void ikv_pair_encode_head(const struct ikv_key_info *key, const unsigned char *stored_key,
                          uint32_t size, unsigned char *out);

#endif
