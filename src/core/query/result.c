#include "core/query/result.h"

#include "core/base/stats.h"

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
    struct ikv_scratch *all[] = {&result->items,       &result->latency,     &result->entries,
                                 &result->sort_buffer, &result->places,      &result->starts,
                                 &result->chunks,      &result->hits,        &result->status,
                                 &result->matched,     &result->matched_here};

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
    ikv_window_close(&result->ring);
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

int ikv_result_begin(struct ikv_result *result, size_t count)
{
    ikv_stats_clear(&result->stats);
    result->stats.backend = "none";
    result->count = 0;
    result->run_count = result->run_first = 0;
    result->latency_rows = 0;
    ikv_problem_clear(&result->problem);
    result->code = result->fatal = 0;
    if (count > SIZE_MAX / 64 || !ikv_scratch_get(&result->items, count * sizeof(ikv_item)))
        return -ENOMEM;
    return 0;
}

int ikv_result_add_runs(struct ikv_result *result, unsigned count)
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
        ikv_run_reset(result->runs[i], &result->batch);
    result->run_count = count;
    return 0;
}

/* ---------------------------------------------------------------- outcomes */

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
    int code = 0;

    for (unsigned i = 0; i < result->run_count; i++) {
        const struct ikv_run *run = result->runs[i];
        ikv_stats_add(&result->stats, &run->stats);
        ikv_problem_merge(&result->problem, &run->problem);
        int own = run->fatal;
        if (own == 0)
            own = merge_latency(result, run);
        /* A run that fails cancels the others: report its code, not theirs. */
        if (code == 0 || (code == IKV_E_CANCELED && own != 0))
            code = own;
    }
    return code;
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
