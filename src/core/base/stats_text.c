/* Statistics as text for Prometheus. */
#include "indexkv.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static const struct counter {
    const char *name, *help;
    size_t offset;
} counters[] = {
    {"keys", "Keys looked up.", offsetof(ikv_stats, keys)},
    {"distinct_keys", "Distinct keys of each batch.", offsetof(ikv_stats, distinct)},
    {"found", "Keys found.", offsetof(ikv_stats, found)},
    {"missing", "Keys without a value.", offsetof(ikv_stats, missing)},
    {"corrupt", "Keys whose bytes are damaged.", offsetof(ikv_stats, corrupt)},
    {"unreadable", "Keys whose bytes could not be read.", offsetof(ikv_stats, unreadable)},
    {"probes", "Index pages requested.", offsetof(ikv_stats, probes)},
    {"cached_probes", "Index pages held in memory.", offsetof(ikv_stats, cached)},
    {"mapped", "Probes and records accessed through the mapping.", offsetof(ikv_stats, mapped)},
    {"index_reads", "Reads of the index.", offsetof(ikv_stats, index_reads)},
    {"index_read_bytes", "Bytes of these reads.", offsetof(ikv_stats, index_bytes)},
    {"records", "Records fetched.", offsetof(ikv_stats, records)},
    {"record_reads", "Reads of records.", offsetof(ikv_stats, record_reads)},
    {"record_read_bytes", "Bytes of these reads.", offsetof(ikv_stats, record_bytes)},
    {"merged_reads", "Probes and records that shared a read.", offsetof(ikv_stats, merged)},
    {"retries", "Reads that were repeated.", offsetof(ikv_stats, retries)},
    {"system_calls", "System calls of reads.", offsetof(ikv_stats, system_calls)},
    {"major_faults", "Faults of the mapping that waited for the disk.",
     offsetof(ikv_stats, major_faults)},
    {"filter_asked", "Keys looked up in a filter.", offsetof(ikv_stats, filter_asked)},
    {"filter_answered", "Keys that a filter reported absent.",
     offsetof(ikv_stats, filter_answered)},
};

struct text {
    char *buf;
    size_t size, length; /* `length` goes on when the buffer is full */
};

/* snprintf at the end of the text. */
#define APPEND(text, ...)                                                                          \
    advance(text, snprintf((text)->length < (text)->size ? (text)->buf + (text)->length : NULL,    \
                           (text)->length < (text)->size ? (text)->size - (text)->length : 0,      \
                           __VA_ARGS__))

static void advance(struct text *text, int length)
{
    if (length > 0)
        text->length += (size_t)length;
}

static void append_levels(struct text *text, const ikv_stats *stats, const char *labels)
{
    const char *comma = labels[0] != '\0' ? "," : "";
    if (stats->levels == 0)
        return;
    APPEND(text, "# HELP indexkv_level_reads_total Reads of the index by depth of the search.\n"
                 "# TYPE indexkv_level_reads_total counter\n");
    for (uint32_t i = 0; i < stats->levels && i < IKV_LEVELS_MAX; i++)
        APPEND(text, "indexkv_level_reads_total{%s%slevel=\"%" PRIu32 "\"} %" PRIu64 "\n", labels,
               comma, i, stats->level[i].reads);
}

size_t ikv_stats_prometheus(const ikv_stats *stats, const char *labels, char *buf, size_t size)
{
    struct text text = {buf, size, 0};
    if (labels == NULL)
        labels = "";
    const char *open = labels[0] != '\0' ? "{" : "", *close = labels[0] != '\0' ? "}" : "";
    if (size > 0)
        buf[0] = '\0';
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        const struct counter *counter = &counters[i];
        const uint64_t *value = (const uint64_t *)((const char *)stats + counter->offset);
        APPEND(&text,
               "# HELP indexkv_%s_total %s\n# TYPE indexkv_%s_total counter\n"
               "indexkv_%s_total%s%s%s %" PRIu64 "\n",
               counter->name, counter->help, counter->name, counter->name, open, labels, close,
               *value);
    }
    append_levels(&text, stats, labels);
    return text.length;
}
