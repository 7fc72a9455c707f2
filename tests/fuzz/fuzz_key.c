/*
 * Text of keys: u8 number of the key type, u8 syntax, text. A key that is parsed and formatted is
 * parsed from that text again; decimal numbers are those that the tests' own parser reads.
 */
#include "fuzz.h"

#include "hostkey.h"
#include "indexkv.h"

#include <string.h>

#define DECIMAL_MAX 60

static void compare_decimal(ikv_key_type type, const char *text, size_t length, int code,
                            const unsigned char *key)
{
    unsigned char expected[IKV_KEY_WIDTH_MAX];
    char copy[DECIMAL_MAX + 1];

    if (length == 0 || length > DECIMAL_MAX || type >= IKV_KEY_BYTES(1))
        return;
    for (size_t i = 0; i < length; i++)
        if ((text[i] < '0' || text[i] > '9') && (i > 0 || text[i] != '-' || length == 1))
            return;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (text[0] == '-' && strspn(copy + 1, "0") == length - 1)
        return; /* zero with a sign: allowed for unsigned keys, too */
    const int is_number = hostkey_from_decimal(type, copy, expected) == 0;
    if (is_number != (code == 0))
        fuzz_fail("\"%s\" was %s", copy, code == 0 ? "accepted" : "refused");
    if (is_number && memcmp(expected, key, hostkey_width(type)) != 0)
        fuzz_fail("\"%s\" was read as another number", copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_input input = {bytes, size};
    const ikv_key_type type = hostkey_types[fuzz_choose(&input, (uint32_t)hostkey_type_count)];
    const ikv_key_syntax syntax = (ikv_key_syntax)fuzz_choose(&input, 4);
    const char *text = (const char *)input.bytes;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    unsigned char again[IKV_KEY_WIDTH_MAX];
    char formatted[IKV_KEY_TEXT_MAX];

    memset(key, 0, sizeof(key));
    const int code = ikv_key_parse(type, syntax, text, input.size, key);
    if (code != 0 && code != IKV_E_KEY_SYNTAX && code != IKV_E_KEY_RANGE && code != IKV_E_INVALID)
        fuzz_fail("an undocumented code: %d", code);
    if (syntax == IKV_SYNTAX_DEC)
        compare_decimal(type, text, input.size, code, key);
    if (code != 0)
        return 0;
    const int length = ikv_key_format(type, syntax, key, formatted, sizeof(formatted));
    if (length < 0 || strlen(formatted) != (size_t)length)
        fuzz_fail("a parsed key can't be formatted: %d", length);
    if (ikv_key_parse(type, syntax, formatted, (size_t)length, again) != 0 ||
        memcmp(key, again, hostkey_width(type)) != 0)
        fuzz_fail("\"%s\" is read as another key", formatted);
    return 0;
}
