/* The result object: its memory and its accessors. */
#include "core/query/result.h"

#include <errno.h>
#include <stdlib.h>

int ikv_result_new(ikv_result **ret_result)
{
    if (!ret_result)
        return IKV_E_INVALID;
    struct ikv_result *result = calloc(1, sizeof *result);
    if (!result)
        return -ENOMEM;
    int code = ikv_job_init(&result->job, result);
    if (code < 0) {
        free(result);
        return code;
    }
    result->stats.backend = "none";
    *ret_result = result;
    return 0;
}

void ikv_result_clear(ikv_result *result)
{
    struct ikv_scratch *all[] = {
        &result->items,  &result->latency, &result->entries, &result->sorting, &result->callers,
        &result->starts, &result->chunks,  &result->hits,    &result->status,  &result->matched};

    if (ikv_job_is_busy(&result->job))
        return;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ikv_scratch_free(all[i]);
    for (unsigned i = 0; i < result->runs_made; i++) {
        ikv_run_free(result->runs[i]);
        free(result->runs[i]);
    }
    free(result->runs);
    result->runs = NULL;
    result->runs_made = result->run_count = 0;
    ikv_window_close(&result->window);
    memset(&result->stats, 0, sizeof result->stats);
    result->stats.backend = "none";
    result->count = 0;
    result->latency_rows = 0;
    result->problem.any = false;
    result->code = 0;
}

void ikv_result_free(ikv_result *result)
{
    if (!result)
        return;
    ikv_job_destroy(&result->job);
    ikv_result_clear(result);
    free(result);
}

/* All levels beyond those in use are zero already. */
static void clear_stats(struct ikv_stats *stats)
{
    const size_t levels = ikv_min(stats->levels, IKV_LEVELS_MAX);
    const size_t head = offsetof(struct ikv_stats, level);
    const size_t tail = offsetof(struct ikv_stats, backend);

    memset(stats, 0, head + levels * sizeof stats->level[0]);
    memset((unsigned char *)stats + tail, 0, sizeof *stats - tail);
}

int ikv_result_begin(struct ikv_result *result, size_t count)
{
    clear_stats(&result->stats);
    result->stats.backend = "none";
    result->count = 0;
    result->run_count = result->run_first = 0;
    result->latency_rows = 0;
    result->problem.any = false;
    result->problem.read_code = 0;
    result->code = result->fatal = 0;
    if (count > SIZE_MAX / 64 || !ikv_scratch_get(&result->items, count * sizeof(ikv_item)))
        return -ENOMEM;
    return 0;
}

void ikv_result_reset_run(struct ikv_result *result, struct ikv_run *run)
{
    ikv_arena_reset(&run->arena);
    clear_stats(&run->stats);
    run->is_resident = false;
    run->pending = 0;
    run->problem.any = false;
    run->problem.read_code = 0;
    run->batch = &result->batch;
    run->fatal = 0;
    run->latency_rows = 0;
}

int ikv_result_runs(struct ikv_result *result, unsigned count)
{
    count += result->run_first;
    if (count > result->runs_made) {
        struct ikv_run **runs = realloc(result->runs, count * sizeof *runs);
        if (!runs)
            return -ENOMEM;
        result->runs = runs;
    }
    while (result->runs_made < count) {
        struct ikv_run *run = calloc(1, sizeof *run);
        if (!run)
            return -ENOMEM;
        result->runs[result->runs_made++] = run;
    }
    for (unsigned i = result->run_first; i < count; i++)
        ikv_result_reset_run(result, result->runs[i]);
    result->run_count = count;
    return 0;
}

/* ---------------------------------------------------------------- what came of the shards */

static int merge_latency(struct ikv_result *result, const struct ikv_run *run)
{
    const size_t used = result->latency_rows * sizeof(struct ikv_latency);
    const size_t want = run->latency_rows * sizeof(struct ikv_latency);
    unsigned char *rows = result->latency.bytes;

    if (run->latency_rows > result->latency_rows) {
        rows = ikv_scratch_keep(&result->latency, used, want);
        if (!rows)
            return -ENOMEM;
        memset(rows + used, 0, want - used);
        result->latency_rows = run->latency_rows;
    }
    for (uint32_t i = 0; i < run->latency_rows; i++)
        ikv_latency_add((struct ikv_latency *)(void *)rows + i,
                        (const struct ikv_latency *)run->latency.bytes + i);
    return 0;
}

int ikv_result_collect(struct ikv_result *result)
{
    struct ikv_stats *stats = &result->stats;
    int code = 0;

    for (unsigned i = 0; i < result->run_count; i++) {
        const struct ikv_run *run = result->runs[i];
        ikv_stats_add(stats, &run->stats);
        ikv_problem_merge(&result->problem, &run->problem);
        int own = run->fatal;
        if (own == 0)
            own = merge_latency(result, run);
        /* One shard's failure cancels the others: it comes first. */
        if (code == 0 || (code == IKV_E_CANCELED && own != 0))
            code = own;
    }
    return code;
}

void ikv_problem_note(struct ikv_problem *problem, const struct ikv_store *store, int code,
                      uint64_t offset, const unsigned char *stored_key, const char *what)
{
    const bool read_failed = code > IKV_E_INVALID || code == IKV_E_TRUNCATED;
    const struct ikv_key_info *info = &store->index.key;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    struct ikv_where where = {store->path, offset, IKV_KEY_NONE, NULL};
    struct ikv_error now;

    if (problem->any && (!read_failed || problem->read_code))
        return;
    if (stored_key) {
        ikv_key_swap_host(info, stored_key, key);
        where.key_type = info->type;
        where.key = key;
    }
    (void)ikv_fail(&now, code, where, "%s", what);
    if (!problem->any)
        problem->first = now;
    problem->any = true;
    if (read_failed && problem->read_code == 0) {
        problem->read_code = code;
        problem->read_error = now;
    }
}

void ikv_problem_merge(struct ikv_problem *problem, const struct ikv_problem *other)
{
    if (other->any && !problem->any) {
        problem->first = other->first;
        problem->any = true;
    }
    if (other->read_code && !problem->read_code) {
        problem->read_code = other->read_code;
        problem->read_error = other->read_error;
    }
}

/* ---------------------------------------------------------------- accessors */

const ikv_item *ikv_result_items(const ikv_result *result)
{
    return result->items.bytes;
}

size_t ikv_result_count(const ikv_result *result)
{
    return result->count;
}

const ikv_stats *ikv_result_stats(const ikv_result *result)
{
    return &result->stats;
}

const ikv_error *ikv_result_problem(const ikv_result *result)
{
    return result->problem.any ? &result->problem.first : NULL;
}

int ikv_result_code(const ikv_result *result)
{
    return result->code;
}

const ikv_latency *ikv_result_latency(const ikv_result *result, uint32_t level)
{
    const uint32_t row = level == IKV_LATENCY_RECORDS ? 0 : level + 1;
    const struct ikv_latency *rows = result->latency.bytes;

    return row < result->latency_rows && rows[row].count ? rows + row : NULL;
}

/* The names of what bytes came from, one bit each. */
static const char *const backend_names[] = {
    "none",  "mmap",       "uring",       "mmap+uring",
    "pread", "mmap+pread", "uring+pread", "mmap+uring+pread"};

static unsigned backend_set(const char *name)
{
    unsigned set = (unsigned)(sizeof backend_names / sizeof backend_names[0]);

    while (--set > 0 && strcmp(backend_names[set], name) != 0)
        ;
    return set;
}

/* In a sum of stats. NULL: a new total; a shard that found no way to read. */
static const char *both_backends(const char *a, const char *b)
{
    if (!a || !b || a == b)
        return a ? a : b;
    if (strcmp(a, backend_names[0]) == 0)
        return b;
    return backend_names[backend_set(a) | backend_set(b)];
}

const char *ikv_backends_name(bool mapped, const char *reads)
{
    return mapped ? both_backends("mmap", reads) : reads;
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
    total->backend = both_backends(total->backend, one->backend);
    total->ring_features |= one->ring_features;
    if (total->fallback == 0)
        total->fallback = one->fallback;
    total->major_faults += one->major_faults;
}
