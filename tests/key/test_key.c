/* Key types, their names and order; versions; texts of error codes. */
#include "indexkv.h"

#include "hostkey.h"
#include "model.h"
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

/* ---------------------------------------------------------------- types */

static void types_have_widths_and_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < hostkey_type_count; i++) {
        ikv_key_type type = hostkey_types[i];
        ikv_key_type parsed = 0;
        char expected[HOSTKEY_NAME_MAX];
        char name[16];

        hostkey_name(type, expected);
        assert_int_equal(ikv_key_width(type), hostkey_width(type));
        assert_ptr_equal(ikv_key_type_name(type, name, sizeof(name)), name);
        assert_string_equal(name, expected);
        assert_int_equal(ikv_key_type_parse(expected, &parsed), 0);
        assert_int_equal(parsed, type);
    }
    for (unsigned n = 1; n <= 128; n++)
        assert_int_equal(ikv_key_width(IKV_KEY_BYTES(n)), n);
}

static void invalid_types_have_no_width(void **state)
{
    char name[16];
    size_t valid = 0;

    (void)state;
    for (ikv_key_type type = 0; type < 0x10000; type++)
        valid += ikv_key_width(type) != 0;
    assert_int_equal(valid, 5 + 5 + 128);
    assert_int_equal(ikv_key_width(IKV_KEY_NONE), 0);
    assert_int_equal(ikv_key_width(UINT32_MAX), 0);
    assert_int_equal(ikv_key_width(IKV_KEY_U8 | 0x10000u), 0);
    assert_string_equal(ikv_key_type_name(0, name, sizeof(name)), "?");
    memset(name, '#', sizeof(name));
    ikv_key_type_name(IKV_KEY_BYTES(128), name, 4);
    assert_string_equal(name, "byt");
    assert_int_equal(name[4], '#');
    ikv_key_type_name(IKV_KEY_U8, name, 0);
    assert_int_equal(name[0], 'b');
}

static void invalid_names_are_refused(void **state)
{
    static const char *const names[] = {"",          "u",
                                        "u1",        "u7",
                                        "u08",       "u256",
                                        "u64 ",      " u64",
                                        "U64",       "+u8",
                                        "i",         "i12",
                                        "i-8",       "bytes",
                                        "bytes0",    "bytes129",
                                        "bytes01",   "bytes1 ",
                                        "byte1",     "bytes-1",
                                        "bytes1000", "bytes99999999999999999999",
                                        "none",      "u8u8",
                                        "string",    "bytes1\n"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        ikv_key_type type = 77;

        if (ikv_key_type_parse(names[i], &type) != IKV_E_INVALID)
            fail_msg("'%s' is parsed as a type", names[i]);
        assert_int_equal(type, 77);
    }
}

static void keys_are_ordered(void **state)
{
    rng_state random = {12};

    (void)state;
    for (size_t t = 0; t < hostkey_type_count; t++) {
        ikv_key_type type = hostkey_types[t];
        size_t rounds = test_scaled(4000);

        for (size_t i = 0; i < rounds; i++) {
            unsigned char a[IKV_KEY_WIDTH_MAX];
            unsigned char b[IKV_KEY_WIDTH_MAX];
            int expected;
            int order;

            model_random_key(&random, type, (model_keys)(i % 4), a);
            if (i % 3 == 0)
                memcpy(b, a, sizeof(b));
            else
                model_random_key(&random, type, (model_keys)(i % 4), b);
            if (i % 3 == 0 && i % 2 == 0)
                hostkey_next(type, b);
            expected = hostkey_compare(type, a, b);
            order = ikv_key_compare(type, a, b);
            assert_int_equal((order > 0) - (order < 0), (expected > 0) - (expected < 0));
        }
    }
}

/* ---------------------------------------------------------------- versions and messages */

static void versions_agree(void **state)
{
    char text[32];

    (void)state;
    snprintf(text, sizeof(text), "%d.%d.%d", IKV_VERSION_MAJOR, IKV_VERSION_MINOR,
             IKV_VERSION_PATCH);
    assert_string_equal(ikv_version(), text);
    assert_string_equal(IKV_VERSION_STRING, text);
    assert_int_equal(ikv_version_number(), IKV_VERSION_NUMBER);
}

static void every_code_has_a_text(void **state)
{
    static const int codes[] = {IKV_OK,
                                IKV_E_INVALID,
                                IKV_E_NOT_FOUND,
                                IKV_E_END,
                                IKV_E_CANCELED,
                                IKV_E_STATE,
                                IKV_E_UNSUPPORTED,
                                IKV_E_KEY_SYNTAX,
                                IKV_E_KEY_RANGE,
                                IKV_E_DUPLICATE,
                                IKV_E_VALUE_TOO_LARGE,
                                IKV_E_NOT_STORE,
                                IKV_E_VERSION,
                                IKV_E_INCOMPLETE,
                                IKV_E_TRUNCATED,
                                IKV_E_NOT_REGULAR,
                                IKV_E_KEY_TYPE_MISSING,
                                IKV_E_KEY_TYPE_MISMATCH,
                                IKV_E_STRIDE,
                                IKV_E_HEADER,
                                IKV_E_FOOTER,
                                IKV_E_SECTION,
                                IKV_E_INDEX,
                                IKV_E_RECORD,
                                IKV_E_PADDING,
                                IKV_E_DURABILITY};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        assert_non_null(ikv_strerror(codes[i]));
        assert_true(strlen(ikv_strerror(codes[i])) > 0);
        for (size_t k = 0; k < i; k++)
            if (strcmp(ikv_strerror(codes[i]), ikv_strerror(codes[k])) == 0)
                fail_msg("%d and %d have the same text", codes[i], codes[k]);
    }
    for (int code = -2000; code <= 2; code++)
        assert_non_null(ikv_strerror(code));
    assert_non_null(ikv_strerror(INT32_MIN));
    assert_non_null(ikv_strerror(INT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_widths_and_names),
        cmocka_unit_test(invalid_types_have_no_width),
        cmocka_unit_test(invalid_names_are_refused),
        cmocka_unit_test(keys_are_ordered),
        cmocka_unit_test(versions_agree),
        cmocka_unit_test(every_code_has_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
