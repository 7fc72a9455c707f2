/* Assertions about the text forms of keys. They fail the running cmocka test. */
#ifndef TEST_KEYTEXT_H
#define TEST_KEYTEXT_H

#include "indexkv.h"

/* ikv_key_parse, with garbage in place of a terminator: it must take the length it is given. */
int keytext_parse(ikv_key_type type, ikv_key_syntax syntax, const char *text, void *ret_key);
/* Parses as `expected`, and nothing behind the key is written. */
void assert_parses(ikv_key_type type, ikv_key_syntax syntax, const char *text,
                   const void *expected);
/* Fails with the code, and leaves the key alone. */
void assert_refused(ikv_key_type type, ikv_key_syntax syntax, const char *text, int expected);
/* Formats as `expected`, in just as much room as that takes and not in less. */
void assert_formats(ikv_key_type type, ikv_key_syntax syntax, const void *key,
                    const char *expected);

#endif
