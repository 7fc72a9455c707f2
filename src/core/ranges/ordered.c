#include "core/ranges/ordered.h"

/* Both directions are the same steps, in the opposite order. */
static void convert(const struct ikv_key_info *key, const unsigned char *from, unsigned char *to)
{
    if (key->kind == IKV_KIND_BYTES) {
        memcpy(to, from, key->width);
        return;
    }
    for (uint32_t i = 0; i < key->width; i++)
        to[i] = from[key->width - 1 - i];
}

void ikv_ordered_load(const struct ikv_key_info *key, const unsigned char *stored,
                      unsigned char *ordered)
{
    convert(key, stored, ordered);
    if (key->kind == IKV_KIND_SIGNED)
        ordered[0] ^= 0x80;
}

void ikv_ordered_store(const struct ikv_key_info *key, const unsigned char *ordered,
                       unsigned char *stored)
{
    convert(key, ordered, stored);
    if (key->kind == IKV_KIND_SIGNED)
        stored[key->width - 1] ^= 0x80;
}

void ikv_ordered_next(unsigned char *ordered, uint32_t width)
{
    while (width > 0 && ++ordered[width - 1] == 0)
        width--;
}

void ikv_ordered_previous(unsigned char *ordered, uint32_t width)
{
    while (width > 0 && ordered[width - 1]-- == 0)
        width--;
}
