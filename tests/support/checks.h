/* Assertions on return codes. They fail the running cmocka test. */
#ifndef TEST_CHECKS_H
#define TEST_CHECKS_H

#include "indexkv.h"

/* The call succeeded. Otherwise prints the library's message. */
#define assert_ok(code, err) assert_ok_at((code), (err), __FILE__, __LINE__)
void assert_ok_at(int code, const ikv_error *err, const char *file, int line);

/* The call failed with this code, and `err` is filled in as indexkv.h promises: the code, a message
 * of one line and, if `path` is not NULL, the file, both in err->file and in the message. */
#define assert_failed(code, expected, err, path)                                                   \
    assert_failed_at((code), (expected), (err), (path), __FILE__, __LINE__)
void assert_failed_at(int code, int expected, const ikv_error *err, const char *path,
                      const char *file, int line);

#endif
