/* IPv4 text of u32 keys and IPv6 text of u128 keys, compared with printf and inet_pton. */
#include "indexkv.h"

#include "hostkey.h"
#include "keytext.h"
#include "rng.h"
#include "scale.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* From network byte order. */
static void from_network(ikv_key_type type, const unsigned char *network, void *ret_key)
{
    hostkey_from_ordered(type, network, ret_key);
}

static void ipv4_text(void **state)
{
    rng_state random = {4};

    (void)state;
    for (size_t i = 0; i < test_scaled(20000); i++) {
        uint32_t key = (uint32_t)rng_next(&random) >> rng_below(&random, 32);
        char text[16];

        snprintf(text, sizeof(text), "%u.%u.%u.%u", key >> 24, key >> 16 & 255, key >> 8 & 255,
                 key & 255);
        assert_parses(IKV_KEY_U32, IKV_SYNTAX_IP, text, &key);
        assert_parses(IKV_KEY_U32, IKV_SYNTAX_AUTO, text, &key);
        assert_formats(IKV_KEY_U32, IKV_SYNTAX_IP, &key, text);
    }
}

static void every_octet_is_formatted(void **state)
{
    (void)state;
    for (uint32_t octet = 0; octet < 256; octet++) {
        const uint32_t key = octet << 24 | (255 - octet) << 16 | (octet ^ 99) << 8 | octet;
        char text[16];

        snprintf(text, sizeof(text), "%u.%u.%u.%u", octet, 255 - octet, octet ^ 99, octet);
        assert_formats(IKV_KEY_U32, IKV_SYNTAX_IP, &key, text);
    }
}

/* Texts with a byte changed, removed or added are accepted exactly if inet_pton accepts them. */
static void ipv4_syntax_is_that_of_inet_pton(void **state)
{
    static const char bytes[] = "0123456789..-+ x";
    rng_state random = {7};
    unsigned accepted = 0, refused = 0;

    (void)state;
    for (size_t i = 0; i < test_scaled(50000); i++) {
        char text[24];
        unsigned char network[4];
        uint32_t key = 0;
        size_t length =
            (size_t)snprintf(text, 16, "%u.%u.%u.%u", (unsigned)rng_below(&random, 256),
                             (unsigned)rng_below(&random, 260), (unsigned)rng_below(&random, 12),
                             (unsigned)rng_below(&random, 256));
        const size_t at = (size_t)rng_below(&random, length);

        if (rng_below(&random, 3) == 0)
            memmove(text + at, text + at + 1, length - at);
        else if (rng_below(&random, 2) == 0)
            memmove(text + at + 1, text + at, length - at + 1);
        text[at] = bytes[rng_below(&random, sizeof bytes - 1)];
        const bool valid = inet_pton(AF_INET, text, network) == 1;
        const int code = ikv_key_parse(IKV_KEY_U32, IKV_SYNTAX_IP, text, strlen(text), &key);
        assert_int_equal(code, valid ? 0 : IKV_E_KEY_SYNTAX);
        if (valid)
            assert_int_equal(key, (uint32_t)network[0] << 24 | (uint32_t)network[1] << 16 |
                                      (uint32_t)network[2] << 8 | network[3]);
        accepted += valid;
        refused += !valid;
    }
    assert_true(accepted > 100 && refused > 100);
}

static void ipv6_text_as_by_inet_pton(void **state)
{
    static const char *const forms[] = {"::",
                                        "::1",
                                        "1::",
                                        "2001:db8::1",
                                        "2001:DB8:0:0:0:0:0:1",
                                        "1:2:3:4:5:6:7:8",
                                        "1::8",
                                        "::2:3:4:5:6:7:8",
                                        "1:2:3:4:5:6:7::",
                                        "::ffff:192.0.2.1",
                                        "64:ff9b::1.2.3.4",
                                        "fe80::",
                                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                                        "0:0:0:0:0:0:0:0",
                                        "00a0::0b",
                                        "1111:2222:3333:4444:5555:6666:192.168.100.200"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        unsigned char network[16];
        unsigned char key[16];

        assert_int_equal(inet_pton(AF_INET6, forms[i], network), 1);
        from_network(IKV_KEY_U128, network, key);
        assert_parses(IKV_KEY_U128, IKV_SYNTAX_IP, forms[i], key);
        assert_parses(IKV_KEY_U128, IKV_SYNTAX_AUTO, forms[i], key);
    }
}

static void ipv6_text_round_trips(void **state)
{
    rng_state random = {6};

    (void)state;
    for (size_t i = 0; i < test_scaled(20000); i++) {
        unsigned char network[16];
        unsigned char back[16];
        unsigned char key[16];
        char text[INET6_ADDRSTRLEN];
        int length;

        rng_fill(&random, network, sizeof(network));
        for (size_t group = 0; group < 8; group++)
            if (rng_below(&random, 2) == 0)
                memset(network + 2 * group, 0, 2);
        from_network(IKV_KEY_U128, network, key);
        length = ikv_key_format(IKV_KEY_U128, IKV_SYNTAX_IP, key, text, sizeof(text));
        assert_int_equal(length, strlen(text));
        assert_int_equal(inet_pton(AF_INET6, text, back), 1);
        assert_memory_equal(back, network, 16);
        assert_parses(IKV_KEY_U128, IKV_SYNTAX_IP, text, key);
        assert_formats(IKV_KEY_U128, IKV_SYNTAX_IP, key, text);
    }
}

/* IPv4 addresses in u128, and IPv6 addresses of IPv4 in u32. */
static void mapped_addresses(void **state)
{
    rng_state random = {46};

    (void)state;
    for (size_t i = 0; i < test_scaled(20000); i++) {
        uint32_t four = (uint32_t)rng_next(&random) >> rng_below(&random, 32);
        unsigned char network[16] = {[10] = 0xff, [11] = 0xff};
        unsigned char key[16];
        char text[3][48];

        for (int k = 0; k < 4; k++)
            network[12 + k] = (unsigned char)(four >> (24 - 8 * k));
        from_network(IKV_KEY_U128, network, key);
        snprintf(text[0], sizeof(text[0]), "%u.%u.%u.%u", four >> 24, four >> 16 & 255,
                 four >> 8 & 255, four & 255);
        snprintf(text[1], sizeof(text[1]), "::ffff:%u.%u.%u.%u", four >> 24, four >> 16 & 255,
                 four >> 8 & 255, four & 255);
        snprintf(text[2], sizeof(text[2]), "0:0:0:0:0:FFFF:%x:%04x", four >> 16, four & 0xffff);
        for (int form = 0; form < 3; form++) {
            assert_parses(IKV_KEY_U128, IKV_SYNTAX_IP, text[form], key);
            assert_parses(IKV_KEY_U128, IKV_SYNTAX_AUTO, text[form], key);
            assert_parses(IKV_KEY_U32, IKV_SYNTAX_IP, text[form], &four);
            assert_parses(IKV_KEY_U32, IKV_SYNTAX_AUTO, text[form], &four);
        }
        assert_formats(IKV_KEY_U32, IKV_SYNTAX_IP, &four, text[0]);
        assert_formats(IKV_KEY_U128, IKV_SYNTAX_IP, key, text[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_text),
        cmocka_unit_test(every_octet_is_formatted),
        cmocka_unit_test(ipv4_syntax_is_that_of_inet_pton),
        cmocka_unit_test(ipv6_text_as_by_inet_pton),
        cmocka_unit_test(ipv6_text_round_trips),
        cmocka_unit_test(mapped_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
