/*
 * Keys inside the library.
 *
 * A key has three forms:
 *   host    as the caller passes it: an integer in the host's byte order, or bytes
 *   stored  as the file holds it: a little-endian integer, or bytes; `width` bytes
 *   words   1 to 16 u64 numbers whose lexicographic order is the key type's order. Sorting and
 *           searching work on words only, so one implementation serves all key types:
 *             u8..u64     { value }
 *             i8..i64     { value with the sign bit flipped }
 *             u128, i128  { high half (i128: sign bit flipped), low half }
 *             bytes n     { bytes 0..7 big-endian, bytes 8..15, ... }, zero-padded
 */
#ifndef IKV_KEY_H
#define IKV_KEY_H

#include "core/base/bytes.h"
#include "indexkv.h"

#include <stdbool.h>

#define IKV_KEY_WORDS_MAX 16

enum ikv_key_kind { IKV_KIND_UNSIGNED = 1, IKV_KIND_SIGNED = 2, IKV_KIND_BYTES = 3 };

struct ikv_key_info {
    ikv_key_type type;
    enum ikv_key_kind kind;
    uint32_t width; /* bytes of the host and stored forms */
    uint32_t words;
};

/* False: `type` is not a key type. */
bool ikv_key_describe(ikv_key_type type, struct ikv_key_info *ret);

/* Stride of an index entry: the size of the crate's struct {key, u64}, see FORMAT.md. */
uint32_t ikv_key_stride(const struct ikv_key_info *key);

/* host -> stored, or stored -> host: the same operation */
void ikv_key_swap_host(const struct ikv_key_info *key, const void *from, void *to);

/* words -> stored */
void ikv_key_store(const struct ikv_key_info *key, const uint64_t *words, void *stored);

static inline uint64_t ikv_key_load_small(const struct ikv_key_info *key,
                                          const unsigned char *stored)
{
    uint64_t flip = key->kind == IKV_KIND_SIGNED ? UINT64_C(1) << 63 : 0;
    switch (key->width) {
    case 1:
        return flip ? (uint64_t)(int8_t)stored[0] ^ flip : stored[0];
    case 2:
        return flip ? (uint64_t)(int16_t)ikv_load16(stored) ^ flip : ikv_load16(stored);
    case 4:
        return flip ? (uint64_t)(int32_t)ikv_load32(stored) ^ flip : ikv_load32(stored);
    default:
        return ikv_load64(stored) ^ flip;
    }
}

/* Word i of a byte-string key. */
static inline uint64_t ikv_key_load_bytes(const struct ikv_key_info *key,
                                          const unsigned char *stored, uint32_t i)
{
    uint32_t left = key->width - 8 * i;
    if (left >= 8)
        return ikv_load64_be(stored + (size_t)8 * i);
    unsigned char padded[8] = {0};
    memcpy(padded, stored + (size_t)8 * i, left);
    return ikv_load64_be(padded);
}

/* Word i of a stored key. */
static inline uint64_t ikv_key_load_word(const struct ikv_key_info *key,
                                         const unsigned char *stored, uint32_t i)
{
    if (key->kind == IKV_KIND_BYTES)
        return ikv_key_load_bytes(key, stored, i);
    if (key->width <= 8)
        return ikv_key_load_small(key, stored);
    if (i == 1)
        return ikv_load64(stored);
    return ikv_load64(stored + 8) ^ (key->kind == IKV_KIND_SIGNED ? UINT64_C(1) << 63 : 0);
}

static inline void ikv_key_load(const struct ikv_key_info *key, const unsigned char *stored,
                                uint64_t *words)
{
    for (uint32_t i = 0; i < key->words; i++)
        words[i] = ikv_key_load_word(key, stored, i);
}

static inline int ikv_words_compare(const uint64_t *a, const uint64_t *b, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        /* The analyser does not know that only words of the key are compared. */
        if (a[i] != b[i]) /* NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult) */
            return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}

/* Compare a key in words with a stored key. */
static inline int ikv_key_compare_stored(const struct ikv_key_info *key, const uint64_t *words,
                                         const unsigned char *stored)
{
    for (uint32_t i = 0; i < key->words; i++) {
        uint64_t other = ikv_key_load_word(key, stored, i);
        if (words[i] != other)
            return words[i] < other ? -1 : 1;
    }
    return 0;
}

/* Whether a key in words is greater than a stored one. Branch-free for one and two words. */
static inline bool ikv_key_is_above(const struct ikv_key_info *key, const uint64_t *words,
                                    const unsigned char *stored)
{
    const uint64_t first = ikv_key_load_word(key, stored, 0);

    if (key->words == 1)
        return words[0] > first;
    if (key->words == 2)
        return (words[0] > first) |
               ((words[0] == first) & (words[1] > ikv_key_load_word(key, stored, 1)));
    return ikv_key_compare_stored(key, words, stored) > 0;
}

#endif
