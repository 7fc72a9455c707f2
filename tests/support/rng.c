#include "rng.h"

#include <string.h>

uint64_t rng_next(rng_state *rng)
{
    uint64_t mixed = rng->state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint64_t rng_below(rng_state *rng, uint64_t below)
{
    /* The bias of the remainder does not matter here. */
    return rng_next(rng) % below;
}

void rng_fill(rng_state *rng, void *bytes, size_t size)
{
    unsigned char *to = bytes;

    while (size > 0) {
        uint64_t word = rng_next(rng);
        size_t part = size < sizeof(word) ? size : sizeof(word);

        /* Least significant byte first, whatever the host's byte order. */
        for (size_t i = 0; i < part; i++)
            to[i] = (unsigned char)(word >> (8 * i) & 0xff);
        to += part;
        size -= part;
    }
}

void rng_shuffle(rng_state *rng, void *elements, size_t count, size_t width)
{
    unsigned char *at = elements;
    unsigned char spare[256];

    for (size_t i = count; i > 1; i--) {
        unsigned char *a = at + (i - 1) * width;
        unsigned char *b = at + (size_t)rng_below(rng, i) * width;

        memcpy(spare, a, width);
        memmove(a, b, width);
        memcpy(b, spare, width);
    }
}
