#include "text/key_problem.h"

#include "base/message.h"

#include <stdbool.h>
#include <stdio.h>

void key_problem(ikv_key_type type, ikv_key_syntax syntax, int code, const char *text,
                 size_t length, char *reason, size_t size)
{
    char name[16], form[48] = "", detail[48] = "";
    const bool bytes = type == IKV_KEY_BYTES(ikv_key_width(type));
    const bool in_hex = syntax == IKV_SYNTAX_AUTO || syntax == IKV_SYNTAX_HEX;
    if (code == IKV_E_KEY_RANGE)
        (void)snprintf(detail, sizeof detail, ", which is out of its range");
    else if (bytes && syntax == IKV_SYNTAX_TEXT)
        (void)snprintf(detail, sizeof detail, " of %zu byte%s", length, length == 1 ? "" : "s");
    else if (bytes && in_hex)
        (void)snprintf(form, sizeof form, " as %zu hex digits (see --key-syntax)",
                       2 * ikv_key_width(type));
    (void)snprintf(reason, size, "expected a key of type %s%s, got %s%s",
                   ikv_key_type_name(type, name, sizeof name), form, excerpt_of(text, length).text,
                   detail);
}
