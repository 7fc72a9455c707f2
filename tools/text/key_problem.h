/* What to say of a text that is no key. */
#ifndef KEY_PROBLEM_H
#define KEY_PROBLEM_H

#include <indexkv.h>
#include <stddef.h>

/* What was expected, and what `text` is, of which ikv_key_parse returned `code`. */
void key_problem(ikv_key_type type, ikv_key_syntax syntax, int code, const char *text,
                 size_t length, char *reason, size_t size);

#endif
