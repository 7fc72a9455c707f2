/* UUIDs, raw text and base64, compared with RFC 9562, RFC 4648 and an encoder that works bit by
 * bit. */
#include "indexkv.h"

#include "hostkey.h"
#include "keytext.h"
#include "rng.h"
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void uuids(void **state)
{
    rng_state random = {9562};
    static const ikv_key_type types[] = {IKV_KEY_U128, IKV_KEY_BYTES(16)};

    (void)state;
    for (size_t i = 0; i < test_scaled(20000); i++) {
        unsigned char b[16], key[16];
        char text[40], upper[40];

        rng_fill(&random, b, sizeof(b));
        snprintf(text, sizeof(text),
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                 b[15]);
        for (size_t k = 0; k <= 36; k++)
            upper[k] = (char)(text[k] >= 'a' && text[k] <= 'f' ? text[k] - 32 : text[k]);
        for (size_t t = 0; t < COUNT_OF(types); t++) {
            /* The ordered form of u128 and of byte strings is the order of the digits. */
            hostkey_from_ordered(types[t], b, key);
            assert_parses(types[t], IKV_SYNTAX_UUID, text, key);
            assert_parses(types[t], IKV_SYNTAX_UUID, upper, key);
            assert_parses(types[t], IKV_SYNTAX_AUTO, text, key);
            assert_formats(types[t], IKV_SYNTAX_UUID, key, text);
        }
    }
}

static void invalid_uuids(void **state)
{
    static const char *const garbage[] = {"",
                                          "550e8400-e29b-41d4-a716-44665544000",
                                          "550e8400-e29b-41d4-a716-4466554400000",
                                          "550e8400-e29b-41d4-a716-44665544000g",
                                          "550e8400-e29b-41d4-a716446655440000-",
                                          "550e8400e29b-41d4-a716-4466-55440000",
                                          "550e8400-e29b-41d4-a716-446655-40000",
                                          "{550e8400-e29b-41d4-a716-446655440000}",
                                          "0x550e84-e29b-41d4-a716-446655440000",
                                          "550e8400 e29b 41d4 a716 446655440000"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        assert_refused(IKV_KEY_U128, IKV_SYNTAX_UUID, garbage[i], IKV_E_KEY_SYNTAX);
        assert_refused(IKV_KEY_BYTES(16), IKV_SYNTAX_UUID, garbage[i], IKV_E_KEY_SYNTAX);
        assert_refused(IKV_KEY_BYTES(16), IKV_SYNTAX_AUTO, garbage[i], IKV_E_KEY_SYNTAX);
    }
    assert_refused(IKV_KEY_U128, IKV_SYNTAX_UUID, "00112233445566778899aabbccddeeff",
                   IKV_E_KEY_SYNTAX);
    assert_parses(IKV_KEY_BYTES(16), IKV_SYNTAX_AUTO, "4142434445464748494a4b4c4d4e4f50",
                  "ABCDEFGHIJKLMNOP");
}

static void raw_text(void **state)
{
    unsigned char key[4];
    char text[5];

    (void)state;
    assert_parses(IKV_KEY_BYTES(5), IKV_SYNTAX_TEXT, "Paris", "Paris");
    assert_formats(IKV_KEY_BYTES(5), IKV_SYNTAX_TEXT, "Paris", "Paris");
    assert_refused(IKV_KEY_BYTES(5), IKV_SYNTAX_TEXT, "Rome", IKV_E_KEY_SYNTAX);
    assert_refused(IKV_KEY_BYTES(5), IKV_SYNTAX_TEXT, "London", IKV_E_KEY_SYNTAX);
    assert_refused(IKV_KEY_BYTES(1), IKV_SYNTAX_TEXT, "", IKV_E_KEY_SYNTAX);
    assert_int_equal(ikv_key_parse(IKV_KEY_BYTES(4), IKV_SYNTAX_TEXT, "\0\n\xff ", 4, key), 0);
    assert_memory_equal(key, "\0\n\xff ", 4);
    assert_int_equal(ikv_key_format(IKV_KEY_BYTES(4), IKV_SYNTAX_TEXT, key, text, sizeof(text)), 4);
    assert_memory_equal(text, "\0\n\xff \0", 5);
    assert_int_equal(ikv_key_format(IKV_KEY_BYTES(4), IKV_SYNTAX_TEXT, key, text, 4),
                     IKV_E_INVALID);
}

/* Encode bit by bit, without padding. */
static void encode(const unsigned char *bytes, size_t size, const char *last_two, char *text)
{
    size_t length = 0;
    for (size_t bit = 0; bit < 8 * size; bit += 6) {
        unsigned digit = 0;
        for (size_t k = bit; k < bit + 6; k++)
            digit = digit << 1 | (k < 8 * size ? bytes[k / 8] >> (7 - k % 8) & 1u : 0u);
        char c;
        if (digit < 26)
            c = (char)('A' + digit);
        else if (digit < 52)
            c = (char)('a' + digit - 26);
        else
            c = digit < 62 ? (char)('0' + digit - 52) : last_two[digit - 62];
        text[length++] = c;
    }
    text[length] = 0;
}

static void base64(void **state)
{
    /* RFC 4648, section 10. */
    static const char *const vectors[][2] = {{"f", "Zg=="},         {"fo", "Zm8="},
                                             {"foo", "Zm9v"},       {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    rng_state random = {4648};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        ikv_key_type type = IKV_KEY_BYTES(strlen(vectors[i][0]));
        assert_parses(type, IKV_SYNTAX_BASE64, vectors[i][1], vectors[i][0]);
        assert_formats(type, IKV_SYNTAX_BASE64, vectors[i][0], vectors[i][1]);
    }
    for (size_t width = 1; width <= IKV_KEY_WIDTH_MAX; width++) {
        for (size_t i = 0; i < test_scaled(100); i++) {
            unsigned char key[IKV_KEY_WIDTH_MAX];
            char text[IKV_KEY_TEXT_MAX];

            rng_fill(&random, key, width);
            encode(key, width, "-_", text);
            assert_parses(IKV_KEY_BYTES(width), IKV_SYNTAX_BASE64, text, key);
            encode(key, width, "+/", text);
            assert_parses(IKV_KEY_BYTES(width), IKV_SYNTAX_BASE64, text, key);
            while (strlen(text) % 4 != 0)
                strcat(text, "=");
            assert_parses(IKV_KEY_BYTES(width), IKV_SYNTAX_BASE64, text, key);
            assert_formats(IKV_KEY_BYTES(width), IKV_SYNTAX_BASE64, key, text);
        }
    }
}

static void invalid_base64(void **state)
{
    static const char *const garbage[] = {
        "",         "Zm9vY",    "Zm9vYg=",  "Zm9vYg===", "Zm9vYh==", "Zm9v",
        "Zm9vYg=A", "Zm9v Yg=", "Zm9v*g==", "=m9vYg==",  "Zm9vYmE="};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(garbage); i++)
        assert_refused(IKV_KEY_BYTES(4), IKV_SYNTAX_BASE64, garbage[i], IKV_E_KEY_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids),  cmocka_unit_test(invalid_uuids),  cmocka_unit_test(raw_text),
        cmocka_unit_test(base64), cmocka_unit_test(invalid_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
