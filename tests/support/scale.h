/*
 * How much work tests do: counts are divided under sanitizers, which make everything several times
 * slower, and multiplied by the environment variable INDEXKV_TEST_SCALE for long runs by hand.
 */
#ifndef TEST_SCALE_H
#define TEST_SCALE_H

#include <stddef.h>

/* `count`, scaled; at least 1. */
size_t test_scaled(size_t count);
/* 1 if this program runs under a sanitizer. */
int test_is_sanitized(void);

#endif
