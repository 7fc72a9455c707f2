#include "counts.h"

#include <inttypes.h>
#include <stdio.h>

void country_counts_add(struct country_counts *counts, const char code[2])
{
    counts->by_code[(unsigned char)code[0] << 8 | (unsigned char)code[1]]++;
}

void country_counts_print(const struct country_counts *counts)
{
    for (unsigned code = 0; code < 1u << 16; code++) {
        if (counts->by_code[code] > 0)
            printf("%c%c\t%" PRIu64 "\n", (int)(code >> 8), (int)(code & 0xff),
                   counts->by_code[code]);
    }
}
