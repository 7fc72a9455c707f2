/* Counts requests by country. */
#ifndef GEOIP_COUNTS_H
#define GEOIP_COUNTS_H

#include <stdint.h>

/* Stands for addresses in no range. */
#define COUNTRY_UNKNOWN "--"

struct country_counts {
    uint64_t
        by_code[1 << 16]; /* index: the two bytes of the code, the first one is the high byte */
};

void country_counts_add(struct country_counts *counts, const char code[2]);

/* Prints a line per country, ordered by code: code, tab, count. */
void country_counts_print(const struct country_counts *counts);

#endif
