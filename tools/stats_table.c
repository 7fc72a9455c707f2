#define _POSIX_C_SOURCE 200809L
#include "stats_table.h"

#include <inttypes.h>
#include <stdio.h>

static double per(double amount, double of)
{
    return of > 0 ? amount / of : 0;
}

static void print_count(const char *name, uint64_t count)
{
    fprintf(stderr, "%-16s %14" PRIu64 "\n", name, count);
}

static void print_rate(const char *name, double rate, int decimals)
{
    fprintf(stderr, "%-16s %14.*f\n", name, decimals, rate);
}

static void print_levels(const ikv_stats *stats)
{
    if (stats->levels == 0)
        return;
    fprintf(stderr, "%-16s %14s %14s %14s\n", "level", "probes", "reads", "bytes");
    for (uint32_t i = 0; i < stats->levels && i < IKV_LEVELS_MAX; i++) {
        const ikv_level_stats *level = &stats->level[i];
        fprintf(stderr, "%-16" PRIu32 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n", i,
                level->probes, level->reads, level->bytes);
    }
}

void stats_table_print(const ikv_stats *stats, uint64_t calls, double searching, double elapsed)
{
    double keys = (double)stats->keys;
    double reads = (double)(stats->index_reads + stats->record_reads);
    double bytes = (double)(stats->index_bytes + stats->record_bytes);
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"calls", calls},
        {"keys", stats->keys},
        {"distinct", stats->distinct},
        {"found", stats->found},
        {"missing", stats->missing},
        {"corrupt", stats->corrupt},
        {"unreadable", stats->unreadable},
        {"probes", stats->probes},
        {"cached", stats->cached},
        {"index_reads", stats->index_reads},
        {"index_bytes", stats->index_bytes},
        {"records", stats->records},
        {"record_reads", stats->record_reads},
        {"record_bytes", stats->record_bytes},
        {"merged", stats->merged},
        {"retries", stats->retries},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        print_count(counts[i].name, counts[i].count);
    print_rate("reads/key", per(reads, keys), 3);
    print_rate("bytes/key", per(bytes, keys), 1);
    print_rate("search_seconds", searching, 3);
    print_rate("total_seconds", elapsed, 3);
    print_rate("keys/second", per(keys, searching), 0);
    fprintf(stderr, "%-16s %14s\n", "backend", stats->backend ? stats->backend : "none");
    print_levels(stats);
}
