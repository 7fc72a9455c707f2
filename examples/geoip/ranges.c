#define _POSIX_C_SOURCE 200809L
#include "ranges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void address_from_ipv4(uint32_t number, unsigned char ret_address[ADDRESS_SIZE])
{
    memset(ret_address, 0, ADDRESS_SIZE);
    for (int i = 0; i < 4; i++)
        ret_address[ADDRESS_SIZE - 1 - i] = (unsigned char)(number >> (8 * i));
}

int address_parse(const char *text, size_t len, unsigned char ret_address[ADDRESS_SIZE])
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char parsed[ADDRESS_SIZE] = {0};

    if (len >= sizeof(copy))
        return -1;
    memcpy(copy, text, len);
    copy[len] = '\0';

    if (strchr(copy, ':')) {
        if (inet_pton(AF_INET6, copy, parsed) != 1)
            return -1;
    } else if (inet_pton(AF_INET, copy, parsed + ADDRESS_SIZE - 4) != 1) {
        return -1;
    }
    memcpy(ret_address, parsed, ADDRESS_SIZE);
    return 0;
}

/* An address in the format of the tables: IPv4 as a decimal number, IPv6 as text. */
static int table_address_parse(const char *text, size_t len,
                               unsigned char ret_address[ADDRESS_SIZE])
{
    char *end;
    unsigned long long number;

    if (memchr(text, ':', len))
        return address_parse(text, len, ret_address);
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || len == 0 || end != text + len || number > UINT32_MAX)
        return -1;
    address_from_ipv4((uint32_t)number, ret_address);
    return 0;
}

static int range_parse(const char *line, struct range *ret_range)
{
    const char *comma = strchr(line, ',');
    const char *second = comma ? strchr(comma + 1, ',') : NULL;

    if (!second || strcspn(second + 1, "\r\n") != sizeof(ret_range->country))
        return -1;
    if (table_address_parse(line, (size_t)(comma - line), ret_range->start) < 0 ||
        table_address_parse(comma + 1, (size_t)(second - comma - 1), ret_range->end) < 0)
        return -1;
    memcpy(ret_range->country, second + 1, sizeof(ret_range->country));
    return 0;
}

static int table_append(struct range_table *table, size_t *capacity, const struct range *range)
{
    if (table->count == *capacity) {
        size_t larger = *capacity ? *capacity * 2 : 1024;
        struct range *ranges = realloc(table->ranges, larger * sizeof(*ranges));

        if (!ranges)
            return -1;
        table->ranges = ranges;
        *capacity = larger;
    }
    table->ranges[table->count++] = *range;
    return 0;
}

static int table_read_lines(FILE *file, const char *path, struct range_table *table)
{
    char line[256];
    size_t capacity = 0;

    for (unsigned long number = 1; fgets(line, sizeof(line), file); number++) {
        struct range range;

        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (range_parse(line, &range) < 0) {
            fprintf(stderr, "%s:%lu: expected start,end,country\n", path, number);
            return -1;
        }
        if (table_append(table, &capacity, &range) < 0) {
            fprintf(stderr, "%s: out of memory\n", path);
            return -1;
        }
    }
    if (ferror(file)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    if (table->count == 0) {
        fprintf(stderr, "%s: contains no ranges\n", path);
        return -1;
    }
    return 0;
}

int range_table_read(const char *path, struct range_table *ret_table)
{
    struct range_table table = {0};
    FILE *file = fopen(path, "r");
    int result;

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    result = table_read_lines(file, path, &table);
    fclose(file);
    if (result < 0)
        range_table_free(&table);
    else
        *ret_table = table;
    return result;
}

void range_table_free(struct range_table *table)
{
    free(table->ranges);
    table->ranges = NULL;
    table->count = 0;
}
