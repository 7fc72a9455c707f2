/* Mixing bits: a hash of one word. */
#ifndef IKV_MIX_H
#define IKV_MIX_H

#include <stdint.h>

/* A bijection; every bit of x affects every bit of the result. */
static inline uint64_t ikv_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

#endif
