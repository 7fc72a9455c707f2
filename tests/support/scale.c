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

int test_is_sanitized(void)
{
    return SANITIZED;
}

size_t test_scaled(size_t count)
{
    const char *text = getenv("INDEXKV_TEST_SCALE");
    double factor = SANITIZED ? 0.125 : 1.0;
    double scaled;

    if (text != NULL) {
        double given = strtod(text, NULL);

        if (given > 0.0 && given <= 1000.0)
            factor *= given;
    }
    scaled = (double)count * factor;
    return scaled < 1.0 ? 1 : (size_t)scaled;
}
