/* Decimal and hex text of keys, formatted and parsed, compared with hostkey.h. */
#include "indexkv.h"

#include "hostkey.h"
#include "keytext.h"
#include "model.h"
#include "rng.h"
#include "scale.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int is_integer(ikv_key_type type)
{
    return hostkey_kind(type) != DECODER_BYTES;
}

/* Hex digits of the bytes, in order. */
static void to_hex(const unsigned char *bytes, size_t width, const char *digits, char *ret_text)
{
    for (size_t i = 0; i < width; i++) {
        *ret_text++ = digits[bytes[i] >> 4];
        *ret_text++ = digits[bytes[i] & 15];
    }
    *ret_text = '\0';
}

/* The text in IKV_SYNTAX_HEX. A negative number has the magnitude 2^bits - pattern. */
static void expected_hex(ikv_key_type type, const void *key, const char *digits, char *ret_text)
{
    unsigned char bytes[IKV_KEY_WIDTH_MAX];
    size_t width = hostkey_width(type);

    hostkey_to_ordered(type, key, bytes);
    if (!is_integer(type)) {
        to_hex(bytes, width, digits, ret_text);
        return;
    }
    if (hostkey_kind(type) == DECODER_SIGNED) {
        bytes[0] = (unsigned char)(bytes[0] ^ 0x80u);
        if (bytes[0] >= 0x80) {
            unsigned borrow = 0;

            for (size_t i = width; i > 0; i--) {
                unsigned taken = bytes[i - 1] + borrow;

                bytes[i - 1] = (unsigned char)(0x100u - taken);
                borrow = taken > 0;
            }
            *ret_text++ = '-';
        }
    }
    *ret_text++ = '0';
    *ret_text++ = 'x';
    to_hex(bytes, width, digits, ret_text);
}

/* Formats and parses the key in all its text forms. */
static void check_all_forms(ikv_key_type type, const void *key)
{
    char text[IKV_KEY_TEXT_MAX];
    char upper[IKV_KEY_TEXT_MAX];
    char *digits;

    expected_hex(type, key, "0123456789abcdef", text);
    assert_formats(type, IKV_SYNTAX_HEX, key, text);
    assert_parses(type, IKV_SYNTAX_HEX, text, key);
    assert_parses(type, IKV_SYNTAX_AUTO, text, key);
    expected_hex(type, key, "0123456789ABCDEF", upper);
    assert_parses(type, IKV_SYNTAX_HEX, upper, key);
    if (!is_integer(type)) {
        assert_formats(type, IKV_SYNTAX_AUTO, key, text);
        memmove(upper + 2, upper, strlen(upper) + 1);
        memcpy(upper, "0x", 2);
        assert_parses(type, IKV_SYNTAX_AUTO, upper, key);
        return;
    }
    /* Without the 0x. */
    digits = strchr(upper, 'x');
    memmove(digits - 1, digits + 1, strlen(digits + 1) + 1);
    assert_parses(type, IKV_SYNTAX_HEX, upper, key);

    hostkey_to_decimal(type, key, text);
    assert_formats(type, IKV_SYNTAX_AUTO, key, text);
    assert_formats(type, IKV_SYNTAX_DEC, key, text);
    assert_parses(type, IKV_SYNTAX_AUTO, text, key);
    assert_parses(type, IKV_SYNTAX_DEC, text, key);
    if (text[0] != '-') {
        memmove(text + 4, text, strlen(text) + 1);
        memcpy(text, "+000", 4);
        assert_parses(type, IKV_SYNTAX_DEC, text, key);
        assert_parses(type, IKV_SYNTAX_AUTO, text, key);
    }
}

static void text_of_extreme_keys(void **state)
{
    (void)state;
    for (size_t t = 0; t < hostkey_type_count; t++) {
        ikv_key_type type = hostkey_types[t];
        unsigned char key[IKV_KEY_WIDTH_MAX];
        unsigned char middle[IKV_KEY_WIDTH_MAX] = {0x80};

        hostkey_least(type, key);
        check_all_forms(type, key);
        hostkey_next(type, key);
        check_all_forms(type, key);
        hostkey_greatest(type, key);
        check_all_forms(type, key);
        hostkey_previous(type, key);
        check_all_forms(type, key);
        hostkey_from_ordered(type, middle, key); /* 0 if signed, 0x80... otherwise */
        check_all_forms(type, key);
        hostkey_previous(type, key);
        check_all_forms(type, key);
        hostkey_nth(type, 0, key);
        check_all_forms(type, key);
    }
}

static void text_of_random_keys(void **state)
{
    size_t rounds = test_scaled(3000);
    rng_state random = {99};

    (void)state;
    for (size_t t = 0; t < hostkey_type_count; t++)
        for (size_t i = 0; i < rounds; i++) {
            unsigned char key[IKV_KEY_WIDTH_MAX];

            model_random_key(&random, hostkey_types[t], (model_keys)(i % 4), key);
            check_all_forms(hostkey_types[t], key);
        }
}

/* All 8-bit keys, and out-of-range numbers, compared with printf. */
static void text_of_8_bit_keys(void **state)
{
    (void)state;
    for (int n = -300; n <= 300; n++) {
        uint8_t u = (uint8_t)n;
        int8_t s = (int8_t)u;
        char text[16];

        snprintf(text, sizeof(text), "%d", n);
        if (n >= 0 && n <= UINT8_MAX)
            assert_parses(IKV_KEY_U8, IKV_SYNTAX_DEC, text, &u);
        else
            assert_refused(IKV_KEY_U8, IKV_SYNTAX_DEC, text, IKV_E_KEY_RANGE);
        if (n >= INT8_MIN && n <= INT8_MAX)
            assert_parses(IKV_KEY_I8, IKV_SYNTAX_AUTO, text, &s);
        else
            assert_refused(IKV_KEY_I8, IKV_SYNTAX_AUTO, text, IKV_E_KEY_RANGE);
    }
}

static void out_of_range_by_one(void **state)
{
    /* Each type's maximum plus one and minimum minus one, in decimal and hex. */
    static const struct {
        ikv_key_type type;
        const char *text[4];
    } cases[] = {
        {IKV_KEY_U8, {"256", "0x100", "-1", "-0x1"}},
        {IKV_KEY_U16, {"65536", "0x10000", "-1", "-0x1"}},
        {IKV_KEY_U32, {"4294967296", "0x100000000", "-1", "-0x1"}},
        {IKV_KEY_U64, {"18446744073709551616", "0x10000000000000000", "-1", "-0x1"}},
        {IKV_KEY_U128,
         {"340282366920938463463374607431768211456", "0x100000000000000000000000000000000", "-1",
          "-0x1"}},
        {IKV_KEY_I8, {"128", "0x80", "-129", "-0x81"}},
        {IKV_KEY_I16, {"32768", "0x8000", "-32769", "-0x8001"}},
        {IKV_KEY_I32, {"2147483648", "0x80000000", "-2147483649", "-0x80000001"}},
        {IKV_KEY_I64,
         {"9223372036854775808", "0x8000000000000000", "-9223372036854775809",
          "-0x8000000000000001"}},
        {IKV_KEY_I128,
         {"170141183460469231731687303715884105728", "0x80000000000000000000000000000000",
          "-170141183460469231731687303715884105729", "-0x80000000000000000000000000000001"}},
    };
    char nines[300];

    (void)state;
    memset(nines, '9', sizeof(nines));
    nines[sizeof(nines) - 1] = '\0';
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t k = 0; k < 4; k++) {
            assert_refused(cases[i].type, IKV_SYNTAX_AUTO, cases[i].text[k], IKV_E_KEY_RANGE);
            assert_refused(cases[i].type, k % 2 == 0 ? IKV_SYNTAX_DEC : IKV_SYNTAX_HEX,
                           cases[i].text[k], IKV_E_KEY_RANGE);
        }
        assert_refused(cases[i].type, IKV_SYNTAX_DEC, nines, IKV_E_KEY_RANGE);
        nines[0] = '-';
        assert_refused(cases[i].type, IKV_SYNTAX_HEX, nines, IKV_E_KEY_RANGE);
        nines[0] = '9';
    }
}

/* Numbers on both sides of each power of 10 and of 2. */
static void every_length(void **state)
{
    uint64_t ten = 1;

    (void)state;
    for (int digits = 1; digits <= 20; digits++, ten *= 10)
        for (uint64_t value = ten - 1; value != ten + 2; value++) {
            char text[24];

            check_all_forms(IKV_KEY_U64, &value);
            (void)snprintf(text, sizeof(text), "%" PRIu64, value);
            assert_formats(IKV_KEY_U64, IKV_SYNTAX_DEC, &value, text);
        }
    for (size_t bit = 0; bit < 128; bit++) {
        unsigned char ordered[16] = {0}, key[16];

        ordered[15 - bit / 8] = (unsigned char)(1U << bit % 8);
        hostkey_from_ordered(IKV_KEY_U128, ordered, key);
        check_all_forms(IKV_KEY_U128, key);
        hostkey_previous(IKV_KEY_U128, key);
        check_all_forms(IKV_KEY_U128, key);
    }
}

/* Any character but a digit, at any position of a number, is found. */
static void foreign_characters(void **state)
{
    (void)state;
    for (size_t length = 1; length <= 25; length++)
        for (size_t at = 0; at < length; at++)
            for (int c = 1; c < 256; c++) {
                char text[32];

                if ((c >= '0' && c <= '9') || (at == 0 && length > 1 && (c == '+' || c == '-')))
                    continue;
                memset(text, '0', length);
                text[length] = '\0';
                text[at] = (char)c;
                assert_refused(IKV_KEY_I128, IKV_SYNTAX_DEC, text, IKV_E_KEY_SYNTAX);
            }
}

static void forms_of_zero(void **state)
{
    static const char *const forms[] = {"0",     "00",  "-0",
                                        "+0",    "0x0", "-0x0",
                                        "+0x00", "0X0", "0000000000000000000000000000000000000000"};
    static const unsigned char zero[16];

    (void)state;
    for (size_t t = 0; t < HOSTKEY_INTEGER_TYPES; t++)
        for (size_t i = 0; i < COUNT_OF(forms); i++)
            assert_parses(hostkey_types[t], IKV_SYNTAX_AUTO, forms[i], zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_extreme_keys), cmocka_unit_test(text_of_random_keys),
        cmocka_unit_test(text_of_8_bit_keys),   cmocka_unit_test(out_of_range_by_one),
        cmocka_unit_test(forms_of_zero),        cmocka_unit_test(every_length),
        cmocka_unit_test(foreign_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
