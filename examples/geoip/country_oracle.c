/*
 * Counts the requests of an access log by country, slowly and without indexkv: every address is
 * compared with all ranges. The results of country_counts and the command are checked against it.
 *
 *   country_oracle IPV4_RANGES IPV6_RANGES < LOG
 */
#define _POSIX_C_SOURCE 200809L
#include "counts.h"
#include "ranges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *country_of(const struct range_table *table,
                              const unsigned char address[ADDRESS_SIZE])
{
    for (size_t i = 0; i < table->count; i++) {
        const struct range *range = &table->ranges[i];

        if (memcmp(range->start, address, ADDRESS_SIZE) <= 0 &&
            memcmp(address, range->end, ADDRESS_SIZE) <= 0)
            return range->country;
    }
    return COUNTRY_UNKNOWN;
}

static int count_log(FILE *log, const struct range_table *ipv4, const struct range_table *ipv6,
                     struct country_counts *counts)
{
    char *line = NULL;
    size_t size = 0;
    int result = 0;

    while (getline(&line, &size, log) >= 0) {
        size_t len = strcspn(line, " \n");
        unsigned char address[ADDRESS_SIZE];

        if (address_parse(line, len, address) < 0) {
            fprintf(stderr, "country_oracle: not an address: %.*s\n", (int)len, line);
            result = -1;
            break;
        }
        country_counts_add(counts, country_of(memchr(line, ':', len) ? ipv6 : ipv4, address));
    }
    free(line);
    return result;
}

int main(int argc, char **argv)
{
    struct range_table ipv4 = {0}, ipv6 = {0};
    struct country_counts *counts = calloc(1, sizeof(*counts));
    int status = EXIT_FAILURE;

    if (argc != 3) {
        fprintf(stderr, "usage: country_oracle IPV4_RANGES IPV6_RANGES < LOG\n");
    } else if (counts && range_table_read(argv[1], &ipv4) == 0 &&
               range_table_read(argv[2], &ipv6) == 0 &&
               count_log(stdin, &ipv4, &ipv6, counts) == 0) {
        country_counts_print(counts);
        status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    range_table_free(&ipv4);
    range_table_free(&ipv6);
    free(counts);
    return status;
}
