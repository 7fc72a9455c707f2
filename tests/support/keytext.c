#include "keytext.h"

#include "hostkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int keytext_parse(ikv_key_type type, ikv_key_syntax syntax, const char *text, void *ret_key)
{
    char bounded[600];
    size_t length = strlen(text);

    assert_true(length < sizeof(bounded) - 8);
    memset(bounded, '7', sizeof(bounded));
    memcpy(bounded, text, length);
    return ikv_key_parse(type, syntax, bounded, length, ret_key);
}

void assert_parses(ikv_key_type type, ikv_key_syntax syntax, const char *text, const void *expected)
{
    unsigned char key[IKV_KEY_WIDTH_MAX + 8];
    size_t width = hostkey_width(type);
    int code;

    memset(key, 0xa5, sizeof(key));
    code = keytext_parse(type, syntax, text, key);
    if (code != 0 || memcmp(key, expected, width) != 0)
        fail_msg("'%s' as type %#x, syntax %d: code %d, or a wrong key", text, (unsigned)type,
                 (int)syntax, code);
    for (size_t i = width; i < sizeof(key); i++)
        assert_int_equal(key[i], 0xa5);
}

void assert_refused(ikv_key_type type, ikv_key_syntax syntax, const char *text, int expected)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];
    int code;

    memset(key, 0xa5, sizeof(key));
    code = keytext_parse(type, syntax, text, key);
    if (code != expected)
        fail_msg("'%s' as type %#x, syntax %d: code %d instead of %d", text, (unsigned)type,
                 (int)syntax, code, expected);
    for (size_t i = 0; i < sizeof(key); i++)
        assert_int_equal(key[i], 0xa5);
}

void assert_formats(ikv_key_type type, ikv_key_syntax syntax, const void *key, const char *expected)
{
    char text[IKV_KEY_TEXT_MAX + 8];
    size_t length = strlen(expected);

    memset(text, '#', sizeof(text));
    assert_int_equal(ikv_key_format(type, syntax, key, text, length + 1), length);
    assert_string_equal(text, expected);
    assert_int_equal(text[length + 1], '#');
    memset(text, '#', sizeof(text));
    assert_int_equal(ikv_key_format(type, syntax, key, text, length), IKV_E_INVALID);
    assert_int_equal(text[length], '#');
    assert_int_equal(ikv_key_format(type, syntax, key, text, 0), IKV_E_INVALID);
}
