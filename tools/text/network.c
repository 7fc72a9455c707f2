#include "text/network.h"

#include "text/keys.h"

#include <stdbool.h>
#include <string.h>

enum { PREFIX_DIGITS = 3 };

/* A decimal number without leading zeros, at most `max`. */
static bool parse_prefix(const char *text, size_t length, unsigned max, unsigned *ret)
{
    unsigned number = 0;
    if (length == 0 || length > PREFIX_DIGITS || (length > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = 10 * number + (unsigned)(text[i] - '0');
    }
    *ret = number;
    return number <= max;
}

/* Set the low `bits` of a little-endian number. Returns whether all of them were zero. */
static bool set_low_bits(unsigned char *bytes, unsigned bits)
{
    bool zero = true;
    for (unsigned i = 0; i < bits; i += 8) {
        const unsigned char mask = (unsigned char)(bits - i >= 8 ? 0xff : (1u << (bits - i)) - 1u);
        zero = zero && (bytes[i / 8] & mask) == 0;
        bytes[i / 8] |= mask;
    }
    return zero;
}

const char *network_parse(ikv_key_type type, const char *text, size_t length, void *ret_first,
                          void *ret_last)
{
    const char *slash = memchr(text, '/', length);
    const size_t address = slash != NULL ? (size_t)(slash - text) : length;
    const unsigned width = 8 * (unsigned)ikv_key_width(type);
    /* An IPv4 address in a u128 store is the end of an IPv6 address. */
    const unsigned before = type == IKV_KEY_U128 && memchr(text, ':', address) == NULL ? 96 : 0;
    unsigned char last[16];
    unsigned prefix;

    if (type != IKV_KEY_U32 && type != IKV_KEY_U128)
        return "networks need keys of type u32 or u128";
    if (slash == NULL || ikv_key_parse(type, IKV_SYNTAX_IP, text, address, ret_first) != 0 ||
        !parse_prefix(slash + 1, length - address - 1, width - before, &prefix))
        return "expected a network, such as 192.0.2.0/24 or 2001:db8::/32";
    key_bytes_convert(type, last, ret_first);
    if (!set_low_bits(last, width - before - prefix))
        return "bits after the prefix of the network are not zero";
    key_bytes_convert(type, ret_last, last);
    return NULL;
}
