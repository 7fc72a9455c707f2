/* The result object: its memory and its accessors. */
#include "result.h"

#include <errno.h>
#include <stdlib.h>

void *ikv_scratch_get(struct ikv_scratch *scratch, size_t size)
{
    if (scratch->size < size || !scratch->bytes) {
        /* A little more, so that batches that grow slowly do not allocate each time. */
        size_t more = size < SIZE_MAX / 2 ? size + size / 4 + 64 : size;
        free(scratch->bytes);
        scratch->bytes = malloc(more);
        scratch->size = scratch->bytes ? more : 0;
    }
    return scratch->bytes;
}

void *ikv_scratch_keep(struct ikv_scratch *scratch, size_t used, size_t size)
{
    struct ikv_scratch larger = {NULL, 0};

    if (scratch->bytes && scratch->size >= size)
        return scratch->bytes;
    if (!ikv_scratch_get(&larger, 2 * size))
        return NULL;
    if (used && scratch->bytes)
        memcpy(larger.bytes, scratch->bytes, used);
    ikv_scratch_free(scratch);
    *scratch = larger;
    return scratch->bytes;
}

void ikv_scratch_free(struct ikv_scratch *scratch)
{
    free(scratch->bytes);
    *scratch = (struct ikv_scratch){NULL, 0};
}

int ikv_result_new(ikv_result **ret_result)
{
    if (!ret_result)
        return IKV_E_INVALID;
    struct ikv_result *result = calloc(1, sizeof *result);
    if (!result)
        return -ENOMEM;
    result->stats.backend = "none";
    *ret_result = result;
    return 0;
}

void ikv_result_clear(ikv_result *result)
{
    struct ikv_scratch *all[] = {&result->items,   &result->entries, &result->sorting,
                                 &result->callers, &result->starts,  &result->chunks,
                                 &result->hits,    &result->status,  &result->matched,
                                 &result->tails,   &result->alone};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ikv_scratch_free(all[i]);
    ikv_arena_free(&result->arena);
    ikv_window_close(&result->window);
    memset(&result->stats, 0, sizeof result->stats);
    result->stats.backend = "none";
    result->count = 0;
    result->has_problem = false;
}

void ikv_result_free(ikv_result *result)
{
    if (!result)
        return;
    ikv_result_clear(result);
    free(result);
}

int ikv_result_begin(struct ikv_result *result, size_t count)
{
    ikv_arena_reset(&result->arena);
    memset(&result->stats, 0, sizeof result->stats);
    result->stats.backend = "none";
    result->count = 0;
    result->has_problem = false;
    result->read_code = 0;
    result->fatal = 0;
    if (count > SIZE_MAX / 64 || !ikv_scratch_get(&result->items, count * sizeof(ikv_item)))
        return -ENOMEM;
    return 0;
}

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
    return result->has_problem ? &result->problem : NULL;
}

void ikv_result_note(struct ikv_result *result, int code, uint64_t offset,
                     const unsigned char *stored_key, const char *what)
{
    const bool read_failed = code > IKV_E_INVALID || code == IKV_E_TRUNCATED;
    const struct ikv_key_info *info = &result->store->index.key;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    struct ikv_where where = {result->store->path, offset, IKV_KEY_NONE, NULL};
    struct ikv_error now;

    if (result->has_problem && (!read_failed || result->read_code))
        return;
    if (stored_key) {
        ikv_key_swap_host(info, stored_key, key);
        where.key_type = info->type;
        where.key = key;
    }
    (void)ikv_fail(&now, code, where, "%s", what);
    if (!result->has_problem)
        result->problem = now;
    result->has_problem = true;
    if (read_failed && result->read_code == 0) {
        result->read_code = code;
        result->read_error = now;
    }
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
    total->index_reads += one->index_reads;
    total->index_bytes += one->index_bytes;
    total->records += one->records;
    total->record_reads += one->record_reads;
    total->record_bytes += one->record_bytes;
    total->merged += one->merged;
    total->retries += one->retries;
    for (uint32_t i = 0; i < one->levels && i < IKV_LEVELS_MAX; i++) {
        total->level[i].probes += one->level[i].probes;
        total->level[i].reads += one->level[i].reads;
        total->level[i].bytes += one->level[i].bytes;
    }
    if (total->levels < one->levels)
        total->levels = one->levels;
    if (one->backend)
        total->backend = one->backend;
}
