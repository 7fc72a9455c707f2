#include "lookup/stats_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

/* Formats of the lines with one value, and of the table's columns. */
#define NAME   "%-18s"
#define LEVEL  "%-8s"
#define COUNT  "%12" PRIu64
#define SINGLE "%14"

static double ratio(double amount, double divisor)
{
    return divisor > 0 ? amount / divisor : 0;
}

static void print_count(const char *name, uint64_t count)
{
    fprintf(stderr, NAME " " SINGLE PRIu64 "\n", name, count);
}

static void print_rate(const char *name, double rate, int decimals)
{
    fprintf(stderr, NAME " " SINGLE ".*f\n", name, decimals, rate);
}

static void print_text(const char *name, const char *text)
{
    fprintf(stderr, NAME " " SINGLE "s\n", name, text);
}

/* User and system time of all threads so far. */
static double cpu_seconds(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* ---------------------------------------------------------------- by level */

static const struct {
    const char *name;
    double share;
} percentiles[] = {{"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p99.9_us", 0.999}};
enum { PERCENTILES = sizeof percentiles / sizeof percentiles[0] };

static void print_latency(const ikv_latency *latency)
{
    if (latency->count == 0) {
        for (int i = 0; i <= PERCENTILES; i++)
            fprintf(stderr, " %9s", "-");
        return;
    }
    for (int i = 0; i < PERCENTILES; i++) {
        uint64_t ns = ikv_latency_percentile(latency, percentiles[i].share);
        fprintf(stderr, " %9.1f", (double)ns * 1e-3);
    }
    fprintf(stderr, " %9.1f", (double)latency->max_ns * 1e-3);
}

static void print_level(const char *name, const ikv_level_stats *level, const ikv_latency *latency)
{
    fprintf(stderr, LEVEL COUNT COUNT " " COUNT, name, level->probes, level->reads, level->bytes);
    if (latency != NULL)
        print_latency(latency);
    fputc('\n', stderr);
}

static void print_levels(const struct stats_report *report)
{
    const ikv_stats *stats = report->stats;
    const ikv_latency *latency = report->latency;
    if (stats->levels == 0)
        return;
    fprintf(stderr, "\n" LEVEL "%12s%12s %12s", "level", "probes", "reads", "bytes");
    if (latency != NULL) {
        for (int i = 0; i < PERCENTILES; i++)
            fprintf(stderr, " %9s", percentiles[i].name);
        fprintf(stderr, " %9s", "max_us");
    }
    fputc('\n', stderr);
    for (uint32_t i = 0; i < stats->levels && i < IKV_LEVELS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "%" PRIu32, i);
        print_level(name, &stats->level[i], latency == NULL ? NULL : &latency[i]);
    }
    const ikv_level_stats records = {stats->records, stats->record_reads, stats->record_bytes};
    print_level("record", &records, latency == NULL ? NULL : &latency[IKV_LEVELS_MAX]);
}

/* ---------------------------------------------------------------- the table */

static void print_counts(const struct stats_report *report)
{
    const ikv_stats *stats = report->stats;
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"calls", report->calls},
        {"keys", stats->keys},
        {"distinct", stats->distinct},
        {"found", stats->found},
        {"missing", stats->missing},
        {"corrupt", stats->corrupt},
        {"unreadable", stats->unreadable},
        {"probes", stats->probes},
        {"cached", stats->cached},
        {"mapped", stats->mapped},
        {report->leaves ? "leaf_reads" : "index_reads", stats->index_reads},
        {report->leaves ? "leaf_bytes" : "index_bytes", stats->index_bytes},
        {"records", stats->records},
        {"record_reads", stats->record_reads},
        {"record_bytes", stats->record_bytes},
        {"merged", stats->merged},
        {"retries", stats->retries},
        {"system_calls", stats->system_calls},
        {"major_faults", stats->major_faults},
        {"filter_asked", stats->filter_asked},
        {"filter_answered", stats->filter_answered},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        print_count(counts[i].name, counts[i].count);
    if (report->bad_lines != NULL)
        print_count("bad_lines", *report->bad_lines);
    if (stats->shards > 0)
        print_count("shards", stats->shards);
}

static void print_rates(const struct stats_report *report)
{
    const ikv_stats *stats = report->stats;
    double keys = (double)stats->keys;
    double reads = (double)(stats->index_reads + stats->record_reads);
    double bytes = (double)(stats->index_bytes + stats->record_bytes);
    double calls = (double)stats->system_calls;
    print_rate("reads/key", ratio(reads, keys), 3);
    print_rate("bytes/key", ratio(bytes, keys), 1);
    print_rate("system_calls/key", ratio(calls, keys), 3);
    if (stats->system_calls > 0)
        print_rate("reads/system_call", ratio(reads, calls), 2);
    print_rate("cpu_us/key", ratio(cpu_seconds() * 1e6, keys), 3);
    print_rate("search_seconds", report->search_seconds, 3);
    print_rate("total_seconds", report->total_seconds, 3);
    print_rate("keys/second", ratio(keys, report->search_seconds), 0);
}

static void print_backend(const ikv_stats *stats)
{
    char text[128];
    print_text("backend", stats->backend ? stats->backend : "none");
    if (stats->ring_features != 0)
        print_text("ring", ikv_ring_features_text(stats->ring_features, text, sizeof text));
    if (stats->fallback != 0)
        print_text("fallback", ikv_strerror(stats->fallback));
}

void stats_table_print(const struct stats_report *report)
{
    print_counts(report);
    print_rates(report);
    print_backend(report->stats);
    print_levels(report);
}
