/*
 * Counts the requests of an access log by country.
 *
 *   country_counts IPV4_STORE IPV6_STORE < LOG
 *
 * The stores hold ranges of addresses, each with its country. Addresses are collected into a batch
 * per family, and each batch is looked up with one call.
 *
 * The counts go to standard output, a summary of the lookups to standard error.
 */
#define _POSIX_C_SOURCE 200809L
#include "counts.h"

#include <indexkv.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_KEYS 65536

/* The store of an address family, and a batch of addresses. */
struct family {
    const char *name;
    ikv_key_type key_type;
    ikv_store *store;
    ikv_result *result;
    unsigned char *keys; /* room for BATCH_KEYS */
    size_t count;
    ikv_stats stats; /* of all batches */
    double seconds;  /* spent in lookups */
};

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int fail(const ikv_error *err)
{
    fprintf(stderr, "country_counts: %s\n", err->message);
    return err->code;
}

static int family_open(struct family *family, const char *name, ikv_key_type key_type,
                       const char *path)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_error err;

    family->name = name;
    family->key_type = key_type;
    options.key_type = key_type;
    if (ikv_open(path, &options, &family->store, &err) < 0)
        return fail(&err);
    family->keys = malloc(BATCH_KEYS * ikv_key_width(key_type));
    if (!family->keys || ikv_result_new(&family->result) < 0) {
        fprintf(stderr, "country_counts: out of memory\n");
        return -1;
    }
    return 0;
}

static void family_close(struct family *family)
{
    ikv_result_free(family->result);
    ikv_close(family->store);
    free(family->keys);
}

/* The country of a range; NULL: invalid value. */
static const char *country_of(const ikv_item *range)
{
    return range->size == 2 ? range->value : NULL;
}

/* Looks up the batch and counts its countries. */
static int family_flush(struct family *family, struct country_counts *counts)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    double start = seconds_now();
    const ikv_item *items;
    ikv_error err;

    options.match = IKV_RANGE;
    if (ikv_get_many(family->store, family->keys, family->count, &options, family->result, &err) <
        0)
        return fail(&err);
    family->seconds += seconds_now() - start;
    ikv_stats_add(&family->stats, ikv_result_stats(family->result));

    items = ikv_result_items(family->result);
    for (size_t i = 0; i < family->count; i++) {
        const char *country = COUNTRY_UNKNOWN;

        if (items[i].status == IKV_CORRUPT)
            return fail(ikv_result_problem(family->result));
        if (items[i].status == IKV_FOUND)
            country = country_of(&items[i]);
        if (!country) {
            fprintf(stderr, "country_counts: expected a country of two letters\n");
            return -1;
        }
        country_counts_add(counts, country);
    }
    family->count = 0;
    return 0;
}

/* Each line of the log starts with the address. */
static int count_log(FILE *log, struct family *ipv4, struct family *ipv6,
                     struct country_counts *counts)
{
    char *line = NULL;
    size_t size = 0;
    int result = 0;

    while (result == 0 && getline(&line, &size, log) >= 0) {
        size_t len = strcspn(line, " \n");
        struct family *family = memchr(line, ':', len) ? ipv6 : ipv4;
        unsigned char *key = family->keys + family->count * ikv_key_width(family->key_type);

        result = ikv_key_parse(family->key_type, IKV_SYNTAX_IP, line, len, key);
        if (result < 0)
            fprintf(stderr, "country_counts: not an address: %.*s\n", (int)len, line);
        else if (++family->count == BATCH_KEYS)
            result = family_flush(family, counts);
    }
    free(line);
    if (result == 0)
        result = family_flush(ipv4, counts);
    if (result == 0)
        result = family_flush(ipv6, counts);
    return result;
}

static void print_summary(const struct family *family)
{
    const ikv_stats *stats = &family->stats;
    double keys = stats->keys > 0 ? (double)stats->keys : 1;
    uint64_t reads = stats->index_reads + stats->record_reads;

    fprintf(stderr,
            "%s: %" PRIu64
            " lookups in %.2f s, %.0f per second; %.3f reads and %.0f bytes per key; backend %s\n",
            family->name, stats->keys, family->seconds,
            family->seconds > 0 ? (double)stats->keys / family->seconds : 0, (double)reads / keys,
            (double)(stats->index_bytes + stats->record_bytes) / keys,
            stats->backend ? stats->backend : "none");
}

int main(int argc, char **argv)
{
    struct family ipv4 = {0}, ipv6 = {0};
    struct country_counts *counts = calloc(1, sizeof(*counts));
    int status = EXIT_FAILURE;

    if (argc != 3) {
        fprintf(stderr, "usage: country_counts IPV4_STORE IPV6_STORE < LOG\n");
    } else if (counts && family_open(&ipv4, "ipv4", IKV_KEY_U32, argv[1]) == 0 &&
               family_open(&ipv6, "ipv6", IKV_KEY_U128, argv[2]) == 0 &&
               count_log(stdin, &ipv4, &ipv6, counts) == 0) {
        country_counts_print(counts);
        print_summary(&ipv4);
        print_summary(&ipv6);
        status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    family_close(&ipv4);
    family_close(&ipv6);
    free(counts);
    return status;
}
