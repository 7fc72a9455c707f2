#include "core/key/key.h"

bool ikv_key_describe(ikv_key_type type, struct ikv_key_info *ret)
{
    uint32_t kind = type >> 8;
    uint32_t width = type & 0xff;

    switch (kind) {
    case IKV_KIND_UNSIGNED:
    case IKV_KIND_SIGNED:
        if (width != 1 && width != 2 && width != 4 && width != 8 && width != 16)
            return false;
        break;
    case IKV_KIND_BYTES:
        if (width < 1 || width > IKV_KEY_WIDTH_MAX)
            return false;
        break;
    default:
        return false;
    }
    *ret = (struct ikv_key_info){type, (enum ikv_key_kind)kind, width, (width + 7) / 8};
    return true;
}

size_t ikv_key_width(ikv_key_type type)
{
    struct ikv_key_info key;
    return ikv_key_describe(type, &key) ? key.width : 0;
}

uint32_t ikv_key_stride(const struct ikv_key_info *key)
{
    uint32_t align = key->kind != IKV_KIND_BYTES && key->width == 16 ? 16 : 8;
    return (uint32_t)ikv_round_up(key->width + 8, align);
}

void ikv_key_swap_host(const struct ikv_key_info *key, const void *from, void *to)
{
    if (!IKV_BIG_ENDIAN || key->kind == IKV_KIND_BYTES) {
        memcpy(to, from, key->width);
        return;
    }
    const unsigned char *source = from;
    unsigned char *target = to;
    for (uint32_t i = 0; i < key->width; i++)
        target[i] = source[key->width - 1 - i];
}

void ikv_key_store(const struct ikv_key_info *key, const uint64_t *words, void *stored)
{
    unsigned char *bytes = stored;
    uint64_t flip = key->kind == IKV_KIND_SIGNED ? UINT64_C(1) << 63 : 0;

    if (key->kind == IKV_KIND_BYTES) {
        for (uint32_t i = 0; i < key->words; i++) {
            unsigned char word[8];
            uint32_t left = key->width - 8 * i;
            ikv_store64_be(word, words[i]);
            memcpy(bytes + (size_t)8 * i, word, left < 8 ? left : 8);
        }
    } else if (key->width == 8) {
        ikv_store64(bytes, words[0] ^ flip);
    } else if (key->width == 16) {
        ikv_store64(bytes, words[1]);
        ikv_store64(bytes + 8, words[0] ^ flip);
    } else {
        unsigned char word[8];
        ikv_store64(word, words[0] ^ flip);
        memcpy(bytes, word, key->width); /* the low bytes: two's complement of the narrow type */
    }
}

int ikv_key_compare(ikv_key_type type, const void *a, const void *b)
{
    struct ikv_key_info key;
    unsigned char stored_a[IKV_KEY_WIDTH_MAX];
    unsigned char stored_b[IKV_KEY_WIDTH_MAX];
    uint64_t words[IKV_KEY_WORDS_MAX];

    if (!ikv_key_describe(type, &key))
        return 0;
    ikv_key_swap_host(&key, a, stored_a);
    ikv_key_swap_host(&key, b, stored_b);
    ikv_key_load(&key, stored_a, words);
    return ikv_key_compare_stored(&key, words, stored_b);
}
