/* Invalid text of keys, and syntaxes that a type does not support. */
#include "indexkv.h"

#include "hostkey.h"
#include "keytext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void invalid_numbers(void **state)
{
    static const char *const garbage[] = {
        "",    "+",   "-",   "--1", "+-1",  "-+1", "x1",   "0x",  "-0x",   "0x-1",    "1 ",
        " 1",  "1.0", "1e3", "1,0", "0xg",  "1a",  "0x1 ", "\t1", "1\n",   "1_0",     "_",
        "'1'", "0b1", "ten", "NaN", "0x1.", "--",  "1-",   "1+",  "0x0x1", "\xd9\xa1"};

    (void)state;
    for (size_t t = 0; t < HOSTKEY_INTEGER_TYPES; t++) {
        unsigned char key[16];

        for (size_t i = 0; i < COUNT_OF(garbage); i++)
            assert_refused(hostkey_types[t], IKV_SYNTAX_AUTO, garbage[i], IKV_E_KEY_SYNTAX);
        assert_refused(hostkey_types[t], IKV_SYNTAX_DEC, "0x1", IKV_E_KEY_SYNTAX);
        assert_refused(hostkey_types[t], IKV_SYNTAX_DEC, "a", IKV_E_KEY_SYNTAX);
        assert_refused(hostkey_types[t], IKV_SYNTAX_HEX, "g", IKV_E_KEY_SYNTAX);
        assert_refused(hostkey_types[t], IKV_SYNTAX_HEX, "", IKV_E_KEY_SYNTAX);
        /* A zero byte does not end the text. */
        assert_int_equal(ikv_key_parse(hostkey_types[t], IKV_SYNTAX_AUTO, "1\0", 2, key),
                         IKV_E_KEY_SYNTAX);
        assert_int_equal(ikv_key_parse(hostkey_types[t], IKV_SYNTAX_AUTO, "1", 0, key),
                         IKV_E_KEY_SYNTAX);
    }
}

static void invalid_byte_strings(void **state)
{
    static const char *const garbage[] = {
        "",      "1",    "123",  "12345", "123456", "12g4",    "0x",       "0x12",
        "-1234", "+123", "1 23", " 1234", "1234 ",  "0x12345", "0x123456", "x1234"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(garbage); i++)
        assert_refused(IKV_KEY_BYTES(2), IKV_SYNTAX_AUTO, garbage[i], IKV_E_KEY_SYNTAX);
    assert_parses(IKV_KEY_BYTES(2), IKV_SYNTAX_AUTO, "4142", "AB");
    assert_parses(IKV_KEY_BYTES(2), IKV_SYNTAX_AUTO, "0x4142", "AB");
    assert_parses(IKV_KEY_BYTES(2), IKV_SYNTAX_HEX, "4a4B", "JK");
}

static void unsupported_syntaxes(void **state)
{
    static const unsigned char zero[IKV_KEY_WIDTH_MAX];
    char text[IKV_KEY_TEXT_MAX];

    (void)state;
    for (size_t t = 0; t < hostkey_type_count; t++) {
        ikv_key_type type = hostkey_types[t];

        if (type != IKV_KEY_U32 && type != IKV_KEY_U128) {
            assert_refused(type, IKV_SYNTAX_IP, "1.2.3.4", IKV_E_INVALID);
            assert_int_equal(ikv_key_format(type, IKV_SYNTAX_IP, zero, text, sizeof(text)),
                             IKV_E_INVALID);
        }
        if (hostkey_kind(type) == DECODER_BYTES) {
            assert_refused(type, IKV_SYNTAX_DEC, "00", IKV_E_INVALID);
            assert_int_equal(ikv_key_format(type, IKV_SYNTAX_DEC, zero, text, sizeof(text)),
                             IKV_E_INVALID);
        }
        if (type != IKV_KEY_U128 && type != IKV_KEY_BYTES(16)) {
            assert_refused(type, IKV_SYNTAX_UUID, "550e8400-e29b-41d4-a716-446655440000",
                           IKV_E_INVALID);
            assert_int_equal(ikv_key_format(type, IKV_SYNTAX_UUID, zero, text, sizeof(text)),
                             IKV_E_INVALID);
        }
        if (hostkey_kind(type) != DECODER_BYTES) {
            assert_refused(type, IKV_SYNTAX_TEXT, "0", IKV_E_INVALID);
            assert_refused(type, IKV_SYNTAX_BASE64, "AA==", IKV_E_INVALID);
            assert_int_equal(ikv_key_format(type, IKV_SYNTAX_TEXT, zero, text, sizeof(text)),
                             IKV_E_INVALID);
            assert_int_equal(ikv_key_format(type, IKV_SYNTAX_BASE64, zero, text, sizeof(text)),
                             IKV_E_INVALID);
        }
        assert_refused(type, (ikv_key_syntax)7, "00", IKV_E_INVALID);
        assert_int_equal(ikv_key_format(type, (ikv_key_syntax)7, zero, text, sizeof(text)),
                         IKV_E_INVALID);
    }
    assert_refused(IKV_KEY_NONE, IKV_SYNTAX_AUTO, "1", IKV_E_INVALID);
    assert_refused(IKV_KEY_BYTES(129), IKV_SYNTAX_AUTO, "1", IKV_E_INVALID);
    assert_int_equal(ikv_key_format(0, IKV_SYNTAX_AUTO, zero, text, sizeof(text)), IKV_E_INVALID);
}

static void invalid_addresses(void **state)
{
    static const char *const garbage4[] = {
        "",          "1",         "1.2",       "1.2.3",      "1.2.3.",    "1.2.3.4.",  ".1.2.3",
        "1..2.3",    "256.1.1.1", "1.2.3.256", "1.2.3.4 ",   " 1.2.3.4",  "1.2.3.4.5", "-1.2.3.4",
        "0x1.2.3.4", "1.2.3.a",   ":1",        "1.2.3.4:80", "1.2.3.4/8", "1.2.3.+4"};
    static const char *const garbage6[] = {
        "",
        ":",
        ":::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        "12345::",
        "g::",
        "::1%lo",
        "[::1]",
        "::1 ",
        " ::1",
        "1:2:3:4:5:6:7:",
        "::/64",
        "1.2.3",
        "::1.2.3",
        "::1.2.3.256",
        ":1:2:3:4:5:6:7",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222"};
    static const char *const not_mapped[] = {"::",
                                             "::1",
                                             "::1.2.3.4",
                                             "::fffe:1.2.3.4",
                                             "::1:ffff:1.2.3.4",
                                             "2001:db8::ffff:1.2.3.4",
                                             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    uint32_t key;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(garbage4); i++)
        assert_refused(IKV_KEY_U32, IKV_SYNTAX_IP, garbage4[i], IKV_E_KEY_SYNTAX);
    for (size_t i = 0; i < COUNT_OF(garbage6); i++)
        assert_refused(IKV_KEY_U128, IKV_SYNTAX_IP, garbage6[i], IKV_E_KEY_SYNTAX);
    for (size_t i = 0; i < COUNT_OF(not_mapped); i++) {
        assert_refused(IKV_KEY_U32, IKV_SYNTAX_IP, not_mapped[i], IKV_E_KEY_RANGE);
        assert_refused(IKV_KEY_U32, IKV_SYNTAX_AUTO, not_mapped[i], IKV_E_KEY_RANGE);
    }
    assert_refused(IKV_KEY_U32, IKV_SYNTAX_AUTO, "1.2.3", IKV_E_KEY_SYNTAX);
    assert_refused(IKV_KEY_U128, IKV_SYNTAX_AUTO, "1.2.3", IKV_E_KEY_SYNTAX);
    assert_refused(IKV_KEY_U128, IKV_SYNTAX_AUTO, "1:2", IKV_E_KEY_SYNTAX);
    assert_int_equal(ikv_key_parse(IKV_KEY_U32, IKV_SYNTAX_IP, "1.2.3.4\0", 8, &key),
                     IKV_E_KEY_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_numbers),
        cmocka_unit_test(invalid_byte_strings),
        cmocka_unit_test(unsupported_syntaxes),
        cmocka_unit_test(invalid_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
