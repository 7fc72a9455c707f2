#include "core/sort/sorter.h"

#include "core/io/file_io.h"
#include "core/key/key.h"
#include "core/sort/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CAPACITY_MIN   ((size_t)1 << 14)
#define PROGRESS_EVERY ((uint64_t)1 << 20)

struct ikv_sorter {
    uint32_t words;
    uint64_t memory;
    char *dir;

    uint64_t *entries; /* `used` of them, in order of arrival */
    size_t used;
    size_t capacity;
    size_t capacity_max; /* half of the memory: sorting needs as much again */
    bool run_sorted;     /* `entries` is sorted */

    int fd; /* of the runs; -1: nothing was spilled */
    uint64_t file_end;
    struct ikv_sorted_run *runs;
    size_t run_count;
    size_t run_capacity;
    uint64_t last[IKV_ENTRY_WORDS_MAX]; /* greatest entry of the last run */

    struct ikv_merge *merge; /* for reading spilled entries */
    size_t next;             /* for reading from memory */
    struct ikv_sorter_stats stats;
};

int ikv_sorter_new(const struct ikv_sorter_options *options, struct ikv_sorter **ret)
{
    struct ikv_sorter *sorter = calloc(1, sizeof *sorter);
    const size_t entry_size = options->words * sizeof(uint64_t);

    if (!sorter)
        return -ENOMEM;
    sorter->words = options->words;
    sorter->memory = options->memory;
    sorter->fd = -1;
    sorter->run_sorted = true;
    sorter->stats.input_sorted = true;
    sorter->capacity_max = (size_t)ikv_max(options->memory / 2 / entry_size, CAPACITY_MIN);
    sorter->capacity =
        (size_t)ikv_min(ikv_max(options->expected, CAPACITY_MIN), sorter->capacity_max);
    sorter->dir = malloc(strlen(options->dir) + 1);
    sorter->entries = malloc(sorter->capacity * entry_size);
    if (!sorter->dir || !sorter->entries) {
        ikv_sorter_free(sorter);
        return -ENOMEM;
    }
    memcpy(sorter->dir, options->dir, strlen(options->dir) + 1);
    *ret = sorter;
    return 0;
}

void ikv_sorter_free(struct ikv_sorter *sorter)
{
    if (!sorter)
        return;
    if (sorter->fd >= 0)
        (void)close(sorter->fd);
    ikv_merge_free(sorter->merge);
    free(sorter->runs);
    free(sorter->entries);
    free(sorter->dir);
    free(sorter);
}

/* ---------------------------------------------------------------- runs */

static int push_run(struct ikv_sorter *sorter, struct ikv_sorted_run run)
{
    if (sorter->run_count == sorter->run_capacity) {
        size_t capacity = sorter->run_capacity ? 2 * sorter->run_capacity : 64;
        struct ikv_sorted_run *runs = realloc(sorter->runs, capacity * sizeof *runs);
        if (!runs)
            return -ENOMEM;
        sorter->runs = runs;
        sorter->run_capacity = capacity;
    }
    sorter->runs[sorter->run_count++] = run;
    return 0;
}

static int sort_in_memory(struct ikv_sorter *sorter)
{
    if (sorter->run_sorted)
        return 0;
    uint64_t *scratch = malloc(sorter->used * sorter->words * sizeof *scratch);
    if (!scratch)
        return -ENOMEM;
    ikv_sort_entries(sorter->entries, scratch, sorter->used, sorter->words);
    free(scratch);
    sorter->run_sorted = true;
    return 0;
}

/* A run that begins after the last entry of the previous one extends it: sorted input remains one
 * run. */
static int add_run(struct ikv_sorter *sorter)
{
    const uint32_t words = sorter->words;
    struct ikv_sorted_run run = {sorter->file_end, sorter->used};

    if (sorter->run_count && ikv_words_compare(sorter->last, sorter->entries, words) <= 0)
        sorter->runs[sorter->run_count - 1].entries += sorter->used;
    else {
        int code = push_run(sorter, run);
        if (code < 0)
            return code;
    }
    memcpy(sorter->last, sorter->entries + (sorter->used - 1) * words, words * sizeof(uint64_t));
    return 0;
}

static int spill(struct ikv_sorter *sorter)
{
    size_t size = sorter->used * sorter->words * sizeof(uint64_t);
    int code = sort_in_memory(sorter);

    if (code == 0 && sorter->fd < 0) {
        sorter->fd = ikv_temp_open(sorter->dir);
        if (sorter->fd < 0)
            return sorter->fd;
    }
    if (code == 0)
        code = ikv_pwrite_all(sorter->fd, sorter->entries, size, sorter->file_end);
    if (code == 0)
        code = add_run(sorter);
    if (code < 0)
        return code;
    sorter->file_end += size;
    sorter->stats.spilled_bytes += size;
    sorter->stats.runs++;
    sorter->used = 0;
    return 0;
}

static int make_room(struct ikv_sorter *sorter)
{
    if (sorter->capacity == sorter->capacity_max)
        return spill(sorter);
    size_t capacity = (size_t)ikv_min(2 * (uint64_t)sorter->capacity, sorter->capacity_max);
    uint64_t *entries = realloc(sorter->entries, capacity * sorter->words * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    sorter->entries = entries;
    sorter->capacity = capacity;
    return 0;
}

int ikv_sorter_add(struct ikv_sorter *sorter, const uint64_t *entry)
{
    const uint32_t words = sorter->words;

    if (IKV_UNLIKELY(sorter->used == sorter->capacity)) {
        int code = make_room(sorter);
        if (code < 0)
            return code;
    }
    uint64_t *slot = sorter->entries + sorter->used * words;
    if (sorter->used == 0) {
        sorter->run_sorted = true;
        if (sorter->run_count && ikv_words_compare(sorter->last, entry, words) > 0)
            sorter->stats.input_sorted = false;
    } else if (sorter->run_sorted && ikv_words_compare(slot - words, entry, words) > 0) {
        sorter->run_sorted = false;
        sorter->stats.input_sorted = false;
    }
    memcpy(slot, entry, words * sizeof *slot);
    sorter->used++;
    sorter->stats.entries++;
    return 0;
}

/* ---------------------------------------------------------------- merging */

/* Output and progress of a merge pass. */
struct pass {
    int fd;
    uint64_t file_end;
    uint64_t *buffer;
    size_t used;
    size_t capacity; /* entries */
    uint64_t done;
    uint64_t total;
    ikv_progress_fn progress;
    void *user;
};

static int pass_flush(struct pass *pass, uint32_t words)
{
    size_t size = pass->used * words * sizeof(uint64_t);
    int code = ikv_pwrite_all(pass->fd, pass->buffer, size, pass->file_end);
    pass->file_end += size;
    pass->used = 0;
    return code;
}

static int pass_put(struct pass *pass, const uint64_t *entry, uint32_t words)
{
    memcpy(pass->buffer + pass->used * words, entry, words * sizeof *entry);
    pass->used++;
    pass->done++;
    if (pass->progress && pass->done % PROGRESS_EVERY == 0) {
        struct ikv_progress now = {"merge", pass->done, pass->total, "pairs"};
        if (pass->progress(pass->user, &now) != 0)
            return IKV_E_CANCELED;
    }
    return pass->used == pass->capacity ? pass_flush(pass, words) : 0;
}

static int merge_group(struct ikv_sorter *sorter, const struct ikv_sorted_run *runs, size_t count,
                       struct pass *pass)
{
    struct ikv_merge *merge;
    int code = ikv_merge_new(sorter->fd, runs, count, sorter->words, sorter->memory / 2, &merge);
    if (code < 0)
        return code;
    const uint64_t *entry = ikv_merge_next(merge, &code);
    while (entry && code == 0) {
        code = pass_put(pass, entry, sorter->words);
        if (code == 0)
            entry = ikv_merge_next(merge, &code);
    }
    ikv_merge_free(merge);
    return code == 0 ? pass_flush(pass, sorter->words) : code;
}

/* One pass: merge each group of `ways` consecutive runs into one run of a new file. */
static int merge_groups(struct ikv_sorter *sorter, size_t ways, struct pass *pass)
{
    size_t groups = 0;

    for (size_t begin = 0; begin < sorter->run_count; begin += ways) {
        size_t count = (size_t)ikv_min(ways, sorter->run_count - begin);
        struct ikv_sorted_run merged = {pass->file_end, 0};
        for (size_t i = 0; i < count; i++)
            merged.entries += sorter->runs[begin + i].entries;
        int code = merge_group(sorter, sorter->runs + begin, count, pass);
        if (code < 0)
            return code;
        sorter->runs[groups++] = merged;
    }
    sorter->run_count = groups;
    return 0;
}

static int merge_pass(struct ikv_sorter *sorter, size_t ways, ikv_progress_fn progress, void *user)
{
    struct pass pass = {.total = sorter->stats.entries, .progress = progress, .user = user};

    pass.capacity = (size_t)ikv_max(sorter->memory / 8 / (sorter->words * sizeof(uint64_t)), 1024);
    pass.buffer = malloc(pass.capacity * sorter->words * sizeof(uint64_t));
    if (!pass.buffer)
        return -ENOMEM;
    pass.fd = ikv_temp_open(sorter->dir);
    int code = pass.fd < 0 ? pass.fd : merge_groups(sorter, ways, &pass);
    free(pass.buffer);
    if (code < 0) {
        if (pass.fd >= 0)
            (void)close(pass.fd);
        return code;
    }
    (void)close(sorter->fd);
    sorter->fd = pass.fd;
    sorter->stats.spilled_bytes += pass.file_end;
    sorter->stats.passes++;
    return 0;
}

int ikv_sorter_finish(struct ikv_sorter *sorter, ikv_progress_fn progress, void *user)
{
    if (sorter->fd < 0)
        return sort_in_memory(sorter);

    int code = sorter->used ? spill(sorter) : 0;
    free(sorter->entries); /* the merge uses the memory */
    sorter->entries = NULL;
    size_t ways = ikv_merge_ways(sorter->memory / 2);
    while (code == 0 && sorter->run_count > ways)
        code = merge_pass(sorter, ways, progress, user);
    if (code < 0)
        return code;
    sorter->stats.passes++;
    /* A quarter is left for what consumes the entries. */
    return ikv_merge_new(sorter->fd, sorter->runs, sorter->run_count, sorter->words,
                         sorter->memory / 4 * 3, &sorter->merge);
}

const uint64_t *ikv_sorter_next(struct ikv_sorter *sorter, int *ret_code)
{
    if (sorter->merge)
        return ikv_merge_next(sorter->merge, ret_code);
    *ret_code = 0;
    if (sorter->next == sorter->used)
        return NULL;
    return sorter->entries + sorter->next++ * sorter->words;
}

void ikv_sorter_stats(const struct ikv_sorter *sorter, struct ikv_sorter_stats *ret)
{
    *ret = sorter->stats;
}
