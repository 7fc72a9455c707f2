/*
 * Writes an access log of one day of an imaginary web site, in the common log format. The same
 * arguments give the same log.
 *
 *   access_log LINES SEED IPV4_RANGES IPV6_RANGES > LOG
 *
 * There is about one client per 20 lines. The client of rank r makes requests in proportion to
 * 1 / r (Zipf), like the visitors of real sites. 7 of 10 clients use IPv4. Ranges are chosen by
 * their number of addresses for IPv4, and uniformly for IPv6. A few clients of each family have
 * addresses outside of the ranges: private ones, or the first one after the end of a range.
 */
#define _POSIX_C_SOURCE 200809L
#include "ranges.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LINES_PER_CLIENT 20
#define PAGES            5000
#define SECONDS_PER_DAY  86400u

/* splitmix64: the same on every machine. */
struct random {
    uint64_t state;
};

static uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* A number below `limit`. The bias of the remainder is negligible here. */
static uint64_t random_below(struct random *random, uint64_t limit)
{
    return random_next(random) % limit;
}

/*
 * Picks an index with given weights: cumulative[i] is the sum of the weights 0..i. Integers avoid
 * differences in floating-point rounding between machines.
 */
struct weighted {
    uint64_t *cumulative;
    size_t count;
};

static size_t weighted_pick(const struct weighted *weighted, struct random *random)
{
    uint64_t point = random_below(random, weighted->cumulative[weighted->count - 1]);
    size_t low = 0, high = weighted->count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (weighted->cumulative[middle] > point)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int weighted_init(struct weighted *weighted, size_t count)
{
    weighted->cumulative = calloc(count, sizeof(*weighted->cumulative));
    weighted->count = count;
    return weighted->cumulative ? 0 : -1;
}

static int weighted_init_zipf(struct weighted *weighted, size_t count)
{
    uint64_t sum = 0;

    if (weighted_init(weighted, count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        weighted->cumulative[i] = sum += ((uint64_t)1 << 40) / (i + 1);
    return 0;
}

/* Half of an IPv6 address: 64 bits in network order. */
static uint64_t half_get(const unsigned char *bytes)
{
    uint64_t half = 0;

    for (int i = 0; i < 8; i++)
        half = half << 8 | bytes[i];
    return half;
}

static void half_put(unsigned char *bytes, uint64_t half)
{
    for (int i = 7; i >= 0; i--, half >>= 8)
        bytes[i] = (unsigned char)half;
}

static int weighted_init_sizes(struct weighted *weighted, const struct range_table *ipv4)
{
    uint64_t sum = 0;

    if (weighted_init(weighted, ipv4->count) < 0)
        return -1;
    for (size_t i = 0; i < ipv4->count; i++)
        weighted->cumulative[i] = sum +=
            half_get(ipv4->ranges[i].end + 8) - half_get(ipv4->ranges[i].start + 8) + 1;
    return 0;
}

struct site {
    struct random random;
    struct range_table ipv4, ipv6;
    struct weighted ipv4_sizes; /* picks an IPv4 range */
    struct weighted popularity; /* picks a client */
    struct weighted pages;      /* picks a page */
    char (*clients)[INET6_ADDRSTRLEN];
};

/* Uniform in low..high, both inclusive. */
static uint64_t random_between(struct random *random, uint64_t low, uint64_t high)
{
    uint64_t span = high - low;

    return span == UINT64_MAX ? random_next(random) : low + random_below(random, span + 1);
}

static void address_in_range(struct random *random, const struct range *range,
                             unsigned char ret_address[ADDRESS_SIZE])
{
    uint64_t start_high = half_get(range->start), end_high = half_get(range->end);
    uint64_t high = random_between(random, start_high, end_high);
    uint64_t low = random_between(random, high == start_high ? half_get(range->start + 8) : 0,
                                  high == end_high ? half_get(range->end + 8) : UINT64_MAX);

    half_put(ret_address, high);
    half_put(ret_address + 8, low);
}

/* The address after `end`; wraps around after the last one. */
static void address_after(const unsigned char end[ADDRESS_SIZE],
                          unsigned char ret_address[ADDRESS_SIZE])
{
    uint64_t low = half_get(end + 8) + 1;

    half_put(ret_address, half_get(end) + (low == 0));
    half_put(ret_address + 8, low);
}

static void client_address(struct site *site, int is_ipv6, unsigned char ret_address[ADDRESS_SIZE])
{
    struct random *random = &site->random;
    const struct range_table *table = is_ipv6 ? &site->ipv6 : &site->ipv4;
    size_t at =
        is_ipv6 ? random_below(random, table->count) : weighted_pick(&site->ipv4_sizes, random);
    uint64_t kind = random_below(random, 100);

    if (kind >= 3) {
        address_in_range(random, &table->ranges[at], ret_address);
    } else if (kind >= 1) {
        address_after(table->ranges[at].end, ret_address);
    } else { /* private addresses: 10.0.0.0/8, fd00::/8 */
        half_put(ret_address, is_ipv6 ? (uint64_t)0xfd << 56 | random_next(random) >> 8 : 0);
        half_put(ret_address + 8,
                 is_ipv6 ? random_next(random) : 10u << 24 | random_next(random) >> 40);
    }
}

static int site_init(struct site *site, uint64_t lines, uint64_t seed, char **range_files)
{
    size_t clients = lines / LINES_PER_CLIENT + 1;

    site->random.state = seed;
    if (range_table_read(range_files[0], &site->ipv4) < 0 ||
        range_table_read(range_files[1], &site->ipv6) < 0)
        return -1;
    site->clients = calloc(clients, sizeof(*site->clients));
    if (!site->clients || weighted_init_sizes(&site->ipv4_sizes, &site->ipv4) < 0 ||
        weighted_init_zipf(&site->popularity, clients) < 0 ||
        weighted_init_zipf(&site->pages, PAGES) < 0) {
        fprintf(stderr, "access_log: out of memory\n");
        return -1;
    }
    for (size_t i = 0; i < clients; i++) {
        unsigned char address[ADDRESS_SIZE];
        int is_ipv6 = random_below(&site->random, 10) >= 7;

        client_address(site, is_ipv6, address);
        inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, is_ipv6 ? address : address + ADDRESS_SIZE - 4,
                  site->clients[i], sizeof(site->clients[i]));
    }
    return 0;
}

static void site_release(struct site *site)
{
    range_table_free(&site->ipv4);
    range_table_free(&site->ipv6);
    free(site->ipv4_sizes.cumulative);
    free(site->popularity.cumulative);
    free(site->pages.cumulative);
    free(site->clients);
}

static unsigned pick_status(struct random *random)
{
    static const struct {
        unsigned upto, status;
    } shares[] = {{82, 200}, {93, 304}, {96, 301}, {99, 404}, {100, 500}};
    uint64_t point = random_below(random, 100);
    size_t i = 0;

    while (point >= shares[i].upto)
        i++;
    return shares[i].status;
}

static void write_line(struct site *site, unsigned second)
{
    static const char *const kinds[] = {"/article/", "/api/items/", "/assets/img-", "/search?q="};
    struct random *random = &site->random;
    const char *client = site->clients[weighted_pick(&site->popularity, random)];
    size_t page = weighted_pick(&site->pages, random);
    unsigned status = pick_status(random);
    uint64_t size = 0;

    if (status == 200) /* 256 B to 1 MiB, small sizes are more frequent */
        size = random_between(random, 256, (uint64_t)256 << random_below(random, 13));
    else if (status != 304)
        size = 162;
    printf("%s - - [14/Mar/2026:%02u:%02u:%02u +0000] \"GET %s%zu HTTP/1.1\" %u %" PRIu64 "\n",
           client, second / 3600, second / 60 % 60, second % 60, kinds[page % 4], page, status,
           size);
}

static int parse_number(const char *text, uint64_t *ret_number)
{
    char *end;

    *ret_number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct site site = {0};
    uint64_t lines, seed;
    int status = EXIT_FAILURE;

    if (argc != 5 || parse_number(argv[1], &lines) < 0 || parse_number(argv[2], &seed) < 0) {
        fprintf(stderr, "usage: access_log LINES SEED IPV4_RANGES IPV6_RANGES > LOG\n");
        return EXIT_FAILURE;
    }
    if (site_init(&site, lines, seed, argv + 3) == 0) {
        for (uint64_t i = 0; i < lines; i++)
            write_line(&site, (unsigned)(i * SECONDS_PER_DAY / lines));
        status = EXIT_SUCCESS;
    }
    site_release(&site);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("access_log: standard output");
        status = EXIT_FAILURE;
    }
    return status;
}
