/* Tables of address ranges in the format of Tor's geoip files. */
#ifndef GEOIP_RANGES_H
#define GEOIP_RANGES_H

#include <stddef.h>

#define ADDRESS_SIZE 16

/*
 * Addresses of both families as 16 bytes in network order, so that memcmp orders them as numbers:
 *
 *   IPv6   the address
 *   IPv4   12 zero bytes, then the address
 */
struct range {
    unsigned char start[ADDRESS_SIZE];
    unsigned char end[ADDRESS_SIZE]; /* inclusive */
    char country[2];
};

struct range_table {
    struct range *ranges; /* sorted, not overlapping */
    size_t count;
};

/* Parses an address such as "192.0.2.1" or "2001:db8::1". Returns 0, or -1 if it is invalid. */
int address_parse(const char *text, size_t len, unsigned char ret_address[ADDRESS_SIZE]);

/*
 * Reads a table: lines of start,end,country with addresses in decimal (IPv4) or as text (IPv6), and
 * comments starting with '#'. Returns 0, or -1 after reporting an error. The caller must release
 * the table with range_table_free.
 */
int range_table_read(const char *path, struct range_table *ret_table);
void range_table_free(struct range_table *table);

#endif
