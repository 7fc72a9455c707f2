#include "core/base/stats.h"

/* One bit for each source: 1 mmap, 2 uring, 4 pread, 8 http. */
static const char *const backend_names[] = {"none",
                                            "mmap",
                                            "uring",
                                            "mmap+uring",
                                            "pread",
                                            "mmap+pread",
                                            "uring+pread",
                                            "mmap+uring+pread",
                                            "http",
                                            "mmap+http",
                                            "uring+http",
                                            "mmap+uring+http",
                                            "pread+http",
                                            "mmap+pread+http",
                                            "uring+pread+http",
                                            "mmap+uring+pread+http"};

static unsigned backend_set(const char *name)
{
    unsigned set = (unsigned)(sizeof backend_names / sizeof backend_names[0]);

    while (--set > 0 && strcmp(backend_names[set], name) != 0)
        ;
    return set;
}

/* NULL: a new total, or a shard that could not read. */
static const char *unite_backends(const char *a, const char *b)
{
    if (!a || !b || a == b)
        return a ? a : b;
    if (strcmp(a, backend_names[0]) == 0)
        return b;
    return backend_names[backend_set(a) | backend_set(b)];
}

const char *ikv_stats_backend(bool mapped, const char *reads)
{
    return mapped ? unite_backends("mmap", reads) : reads;
}

void ikv_stats_add(ikv_stats *total, const ikv_stats *one)
{
    total->keys += one->keys;
    total->distinct += one->distinct;
    total->found += one->found;
    total->missing += one->missing;
    total->corrupt += one->corrupt;
    total->unreadable += one->unreadable;
    total->probes += one->probes;
    total->cached += one->cached;
    total->mapped += one->mapped;
    total->index_reads += one->index_reads;
    total->index_bytes += one->index_bytes;
    total->records += one->records;
    total->record_reads += one->record_reads;
    total->record_bytes += one->record_bytes;
    total->merged += one->merged;
    total->retries += one->retries;
    total->system_calls += one->system_calls;
    total->shards += one->shards;
    for (uint32_t i = 0; i < one->levels && i < IKV_LEVELS_MAX; i++) {
        total->level[i].probes += one->level[i].probes;
        total->level[i].reads += one->level[i].reads;
        total->level[i].bytes += one->level[i].bytes;
    }
    if (total->levels < one->levels)
        total->levels = one->levels;
    total->backend = unite_backends(total->backend, one->backend);
    total->ring_features |= one->ring_features;
    if (total->fallback == 0)
        total->fallback = one->fallback;
    total->major_faults += one->major_faults;
    total->filter_asked += one->filter_asked;
    total->filter_answered += one->filter_answered;
}
