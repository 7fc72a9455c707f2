/* Assertions on opening files, and small random stores for it. */
#ifndef TEST_OPEN_CHECKS_H
#define TEST_OPEN_CHECKS_H

#include "indexkv.h"

#include "model.h"

#include <stddef.h>
#include <stdint.h>

/* Opens and closes a store. Returns the code of ikv_open. */
int open_as(const char *path, ikv_key_type type, uint32_t stride, ikv_error *err);
/* The file opens. stride 0: detect it. */
void assert_opens(const char *path, ikv_key_type type, uint32_t stride);
/* ikv_open and ikv_verify fail with the code, name the file and leave no descriptor open. */
#define assert_open_fails(path, type, expected)                                                    \
    assert_open_fails_at((path), (type), (expected), __FILE__, __LINE__)
void assert_open_fails_at(const char *path, ikv_key_type type, int expected, const char *file,
                          int line);

/* Write `count` small random pairs, always the same ones. ret_model may be NULL. */
void write_native(const char *path, ikv_key_type type, size_t count, store_model *ret_model);
void write_plain(const char *path, ikv_key_type type, size_t count, uint32_t stride,
                 store_model *ret_model);

#endif
