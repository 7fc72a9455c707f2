/* Micro-benchmarks of single parts of the library, in memory. They use internal headers, so they
 * are not in indexkv_bench, which uses the public header only. */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdint.h>

/* A random number; equal initial states give equal sequences. */
static inline uint64_t micro_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void codec_register(void);
void checksum_register(void);
void search_register(void);
void sort_register(void);

#endif
