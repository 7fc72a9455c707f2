#include "scale.h"

#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define EVERYDAY_SCALE 0.1

int test_is_sanitized(void)
{
    return SANITIZED;
}

/* The variable's value, or `otherwise` if it is not set to a number in range. */
static double factor_from(const char *variable, double otherwise)
{
    const char *text = getenv(variable);
    const double given = text ? strtod(text, NULL) : 0.0;

    return given > 0.0 && given <= 1000.0 ? given : otherwise;
}

static double scale(void)
{
    return factor_from("INDEXKV_TEST_SCALE", EVERYDAY_SCALE);
}

size_t test_scaled_min(size_t count, size_t min)
{
    const double share = factor_from("INDEXKV_TEST_SHARE", 1.0) * (SANITIZED ? 0.125 : 1.0);
    const double scaled = (double)count * scale() * share;

    return scaled < (double)min ? min : (size_t)scaled;
}

size_t test_scaled(size_t count)
{
    return test_scaled_min(count, 1);
}

bool test_in_sample(uint64_t number, uint64_t count, uint64_t min)
{
    const double floor = count > 0 ? (double)min / (double)count : 1.0;
    const double share = scale() < floor ? floor : scale();
    /* Multiples of the golden ratio, modulo 1, are spread evenly wherever they start. */
    const uint32_t place = (uint32_t)(number * UINT32_C(2654435769));

    return share >= 1.0 || place < share * 4294967296.0;
}
