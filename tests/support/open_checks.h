/* Assertions about what opens and what does not, and small random stores to try it on. */
#ifndef TEST_OPEN_CHECKS_H
#define TEST_OPEN_CHECKS_H

#include "indexkv.h"

#include "model.h"

#include <stddef.h>
#include <stdint.h>

/* Open and close. What ikv_open returned. */
int open_as(const char *path, ikv_key_type type, uint32_t stride, ikv_error *err);
/* Opens (stride 0: finds it out). */
void assert_opens(const char *path, ikv_key_type type, uint32_t stride);
/* ikv_open and ikv_verify fail with the code, tell the file, and leave no descriptor open. */
#define assert_open_fails(path, type, expected)                                                    \
    assert_open_fails_at((path), (type), (expected), __FILE__, __LINE__)
void assert_open_fails_at(const char *path, ikv_key_type type, int expected, const char *file,
                          int line);

/* A store of `count` small random pairs, the same every time. ret_model may be NULL. */
void write_ours(const char *path, ikv_key_type type, size_t count, store_model *ret_model);
void write_plain(const char *path, ikv_key_type type, size_t count, uint32_t stride,
                 store_model *ret_model);

#endif
