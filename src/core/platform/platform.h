/*
 * Where systems differ. The rest of the library uses the names declared here and in the headers
 * included below; a system that lacks a feature gets the answer of POSIX.
 *
 * IKV_PORTABLE, which the build option INDEXKV_PORTABLE defines, selects the POSIX answer for
 * everything, so that it can be tested on Linux.
 */
#ifndef IKV_PLATFORM_H
#define IKV_PLATFORM_H

#include "core/platform/platform_file.h"
#include "core/platform/platform_memory.h"
#include "core/platform/platform_system.h"
#include "core/platform/platform_thread.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__) && !defined(IKV_PORTABLE)
#include <immintrin.h>
#endif

/* Whether the system reports which pages of a file are in memory. */
#if IKV_HAVE_MINCORE || IKV_HAVE_NOWAIT
#define IKV_REPORTS_RESIDENCY 1
#else
#define IKV_REPORTS_RESIDENCY 0
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define IKV_BIG_ENDIAN 1
#else
#define IKV_BIG_ENDIAN 0
#endif

/* Text of an errno value: static, in English, from any thread; may be NULL. */
#if IKV_ON_LINUX && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 32)
#define IKV_ERRNO_TEXT(number) strerrordesc_np(number)
#endif
#endif
#ifndef IKV_ERRNO_TEXT
#define IKV_ERRNO_TEXT(number) strerror(number)
#endif

/* Ticks of a cheap clock, about 1 to 5 per nanosecond; 0: no such clock. */
static inline uint64_t ikv_platform_ticks(void)
{
#if defined(__x86_64__) && !defined(IKV_PORTABLE)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Less than a system call that changes a file takes: about 0.3 us. */
#define IKV_TICKS_SHORT 1000u
/* More than a few memory accesses take, even if all miss the caches: about 10 us. */
#define IKV_TICKS_LONG 25000u

/* Code that uses AVX2, and whether the processor has it. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(IKV_PORTABLE)
#define IKV_HAVE_AVX2   1
#define IKV_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt")))
static inline bool ikv_platform_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}
/* How many of 8 numbers are <= key, which is not UINT64_MAX. */
static inline IKV_TARGET_AVX2 unsigned ikv_platform_rank8_avx2(const uint64_t *numbers,
                                                               uint64_t key)
{
    /* There are comparisons of signed numbers only. */
    const uint64_t sign = (uint64_t)1 << 63;
    const __m256i signs = _mm256_set1_epi64x((long long)sign);
    const __m256i after = _mm256_set1_epi64x((long long)((key + 1) ^ sign));
    const __m256i *halves = (const __m256i *)numbers;
    const __m256i a = _mm256_xor_si256(signs, _mm256_loadu_si256(halves));
    const __m256i b = _mm256_xor_si256(signs, _mm256_loadu_si256(halves + 1));
    const __m256i below =
        _mm256_packs_epi32(_mm256_cmpgt_epi64(after, a), _mm256_cmpgt_epi64(after, b));

    return (unsigned)__builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(below)));
}
#else
#define IKV_HAVE_AVX2 0
static inline bool ikv_platform_has_avx2(void)
{
    return false;
}
#endif

/* Load a cache line ahead of its use. Any address is allowed. */
#define IKV_PREFETCH(at)       __builtin_prefetch((at), 0)
#define IKV_PREFETCH_WRITE(at) __builtin_prefetch((at), 1)

#define IKV_LIKELY(x)   __builtin_expect(!!(x), 1)
#define IKV_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
