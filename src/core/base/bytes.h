/* Little-endian integers at any alignment. The format is read and written only through these, so no
 * struct overlays file bytes and the host's byte order does not matter. */
#ifndef IKV_BYTES_H
#define IKV_BYTES_H

#include "core/platform/platform.h"

#include <stdint.h>
#include <string.h>

static inline uint16_t ikv_le16(uint16_t v)
{
    return IKV_BIG_ENDIAN ? __builtin_bswap16(v) : v;
}
static inline uint32_t ikv_le32(uint32_t v)
{
    return IKV_BIG_ENDIAN ? __builtin_bswap32(v) : v;
}
static inline uint64_t ikv_le64(uint64_t v)
{
    return IKV_BIG_ENDIAN ? __builtin_bswap64(v) : v;
}

static inline uint16_t ikv_load16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return ikv_le16(v);
}
static inline uint32_t ikv_load32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return ikv_le32(v);
}
static inline uint64_t ikv_load64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return ikv_le64(v);
}
/* Big-endian: these numbers compare as byte strings do. */
static inline uint64_t ikv_load64_be(const void *p)
{
    return __builtin_bswap64(ikv_load64(p));
}

static inline void ikv_store16(void *p, uint16_t v)
{
    v = ikv_le16(v);
    memcpy(p, &v, sizeof v);
}
static inline void ikv_store32(void *p, uint32_t v)
{
    v = ikv_le32(v);
    memcpy(p, &v, sizeof v);
}
static inline void ikv_store64(void *p, uint64_t v)
{
    v = ikv_le64(v);
    memcpy(p, &v, sizeof v);
}
static inline void ikv_store64_be(void *p, uint64_t v)
{
    ikv_store64(p, __builtin_bswap64(v));
}

/* Round up to a multiple of `to`, a power of two. The caller ensures that it does not wrap. */
static inline uint64_t ikv_round_up(uint64_t v, uint64_t to)
{
    return (v + to - 1) & ~(to - 1);
}
static inline uint64_t ikv_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
/* A memory option, 0: `default_size`, limited so that small multiples of it fit into a size_t. */
static inline uint64_t ikv_memory_option(uint64_t option, uint64_t default_size)
{
    return ikv_min(option ? option : default_size, SIZE_MAX / 4);
}
static inline uint64_t ikv_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
