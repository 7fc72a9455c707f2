/* Assertions on the text forms of keys. They fail the running cmocka test. */
#ifndef TEST_KEYTEXT_H
#define TEST_KEYTEXT_H

#include "indexkv.h"

/* Calls ikv_key_parse with garbage after the text: it must use the length, not a terminator. */
int keytext_parse(ikv_key_type type, ikv_key_syntax syntax, const char *text, void *ret_key);
/* The text parses as `expected`, and no byte after the key is written. */
void assert_parses(ikv_key_type type, ikv_key_syntax syntax, const char *text,
                   const void *expected);
/* Parsing fails with the code and does not modify the key. */
void assert_refused(ikv_key_type type, ikv_key_syntax syntax, const char *text, int expected);
/* The key formats as `expected` in a buffer of the needed size, and not in a smaller one. */
void assert_formats(ikv_key_type type, ikv_key_syntax syntax, const void *key,
                    const char *expected);

#endif
