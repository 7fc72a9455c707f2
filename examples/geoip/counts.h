/* Requests counted by country. */
#ifndef GEOIP_COUNTS_H
#define GEOIP_COUNTS_H

#include <stdint.h>

/* How an address in no range is counted. */
#define COUNTRY_UNKNOWN "--"

struct country_counts {
    uint64_t by_code[1 << 16]; /* by the code's two bytes, the first being the high one */
};

void country_counts_add(struct country_counts *counts, const char code[2]);

/* A line a country, in the order of the codes: code, tab, count. */
void country_counts_print(const struct country_counts *counts);

#endif
