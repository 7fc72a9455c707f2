/* Networks in CIDR notation: an address and the length of its prefix. */
#ifndef NETWORK_H
#define NETWORK_H

#include <indexkv.h>
#include <stddef.h>

/*
 * Parse a network such as 192.0.2.0/24 (u32) or 2001:db8::/32 (u128) as its first and last address,
 * in host byte order. Returns NULL, or what is wrong: no network for this key type, or bits after
 * the prefix that are not zero.
 */
const char *network_parse(ikv_key_type type, const char *text, size_t length, void *ret_first,
                          void *ret_last);

#endif
