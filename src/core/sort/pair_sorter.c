#include "core/sort/pair_sorter.h"

#include "core/base/huge.h"
#include "core/io/file_io.h"
#include "core/sort/pair_merge.h"
#include "core/sort/sort.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK_SIZE_MIN ((size_t)1 << 20)
#define GROWTH         4 /* factor by which the block grows */
#define WRITE_SIZE     ((size_t)1 << 20)
#define PROGRESS_EVERY ((uint64_t)1 << 18)
#define AHEAD          16u /* pairs between prefetching one and using it */
#define AHEAD_SIZE_MAX 512 /* bytes of a pair that are prefetched */

/*
 * Pairs are collected in one block: encoded pairs from its start, and an entry (the key's words,
 * the pair's offset) for each from its end downwards. The space between them is scratch for sorting
 * the entries.
 *
 *     [ pair pair pair ->      scratch       <- entry entry entry ]
 */
struct ikv_pair_sorter {
    struct ikv_key_info key;
    bool latest_first;
    char *dir;
    uint64_t memory;

    unsigned char *block;
    size_t block_size;
    size_t used;                       /* bytes of pairs */
    size_t count;                      /* pairs in memory */
    size_t next;                       /* the next pair to return */
    uint64_t words[IKV_KEY_WORDS_MAX]; /* of the pair returned last */
    const uint64_t *sorted;            /* entries in order, after sorting */

    int fd; /* of the runs; -1: none */
    uint64_t file_end;
    struct ikv_pair_run *runs;
    size_t run_count;
    size_t run_capacity;
    struct ikv_pair_merge *merge;

    int spool; /* file of the long values; -1: none */
    uint64_t spool_end;
    struct ikv_pair_sorter_stats stats;
};

static size_t entry_words(const struct ikv_pair_sorter *sorter)
{
    return sorter->key.words + 1;
}

static size_t entries_size(const struct ikv_pair_sorter *sorter, size_t count)
{
    return count * entry_words(sorter) * sizeof(uint64_t);
}

/* Spilling and merging need a buffer for writing, too. */
static uint64_t block_size_max(const struct ikv_pair_sorter *sorter)
{
    const uint64_t size = sorter->memory - ikv_min(sorter->memory / 2, WRITE_SIZE);

    return ikv_min(size, SIZE_MAX / 2) / 8 * 8;
}

int ikv_pair_sorter_new(const struct ikv_pair_sorter_options *options, struct ikv_pair_sorter **ret)
{
    struct ikv_pair_sorter *sorter = calloc(1, sizeof *sorter);

    if (!sorter)
        return -ENOMEM;
    sorter->key = options->key;
    sorter->latest_first = options->latest_first;
    sorter->memory = options->memory;
    sorter->fd = sorter->spool = -1;
    sorter->block_size = (size_t)block_size_max(sorter);
    while (sorter->block_size / GROWTH >= BLOCK_SIZE_MIN)
        sorter->block_size = sorter->block_size / GROWTH / 8 * 8;
    sorter->block = ikv_huge_alloc(sorter->block_size);
    sorter->dir = malloc(strlen(options->dir) + 1);
    if (!sorter->block || !sorter->dir) {
        ikv_pair_sorter_free(sorter);
        return -ENOMEM;
    }
    memcpy(sorter->dir, options->dir, strlen(options->dir) + 1);
    *ret = sorter;
    return 0;
}

void ikv_pair_sorter_free(struct ikv_pair_sorter *sorter)
{
    if (!sorter)
        return;
    if (sorter->fd >= 0)
        (void)close(sorter->fd);
    if (sorter->spool >= 0)
        (void)close(sorter->spool);
    ikv_pair_merge_free(sorter->merge);
    free(sorter->runs);
    ikv_huge_free(sorter->block);
    free(sorter->dir);
    free(sorter);
}

/* ---------------------------------------------------------------- files */

static int append(struct ikv_pair_sorter *sorter, int *fd, uint64_t *end, const void *bytes,
                  size_t size)
{
    if (*fd < 0) {
        int opened = ikv_temp_open(sorter->dir);
        if (opened < 0)
            return opened;
        *fd = opened;
    }
    int code = ikv_pwrite_all(*fd, bytes, size, *end);
    if (code < 0)
        return code;
    *end += size;
    sorter->stats.spilled_bytes += size;
    return 0;
}

/* Buffered writing of pairs. */
struct run_writer {
    struct ikv_pair_sorter *sorter;
    int *fd;
    uint64_t *end;
    unsigned char *buffer;
    size_t used;
};

static int writer_flush(struct run_writer *writer)
{
    const size_t size = writer->used;

    writer->used = 0;
    return size ? append(writer->sorter, writer->fd, writer->end, writer->buffer, size) : 0;
}

static int writer_put(struct run_writer *writer, const unsigned char *pair, size_t size)
{
    int code = 0;

    if (size > WRITE_SIZE - writer->used)
        code = writer_flush(writer);
    memcpy(writer->buffer + writer->used, pair, size);
    writer->used += size;
    return code;
}

static int push_run(struct ikv_pair_sorter *sorter, struct ikv_pair_run run)
{
    if (sorter->run_count == sorter->run_capacity) {
        size_t capacity = sorter->run_capacity ? 2 * sorter->run_capacity : 64;
        struct ikv_pair_run *runs = realloc(sorter->runs, capacity * sizeof *runs);
        if (!runs)
            return -ENOMEM;
        sorter->runs = runs;
        sorter->run_capacity = capacity;
    }
    sorter->runs[sorter->run_count++] = run;
    return 0;
}

/* ---------------------------------------------------------------- in memory */

static uint64_t *entries_of(const struct ikv_pair_sorter *sorter, size_t count)
{
    return (uint64_t *)(void *)(sorter->block + sorter->block_size - entries_size(sorter, count));
}

/* The last word of an entry. It is unique, so pairs with equal keys are sorted in order of arrival,
 * or, with the complement of the offset, in reverse order. */
static uint64_t offset_word(const struct ikv_pair_sorter *sorter, uint64_t offset)
{
    return sorter->latest_first ? ~offset : offset;
}

static void sort_in_memory(struct ikv_pair_sorter *sorter)
{
    uint64_t *entries = entries_of(sorter, sorter->count);
    uint64_t *scratch = (uint64_t *)(void *)(sorter->block + ikv_round_up(sorter->used, 8));

    /* Required also if they arrived in order: the entries are in reverse order. */
    ikv_sort_entries(entries, scratch, sorter->count, (uint32_t)entry_words(sorter));
    sorter->sorted = entries;
}

static const unsigned char *sorted_pair(const struct ikv_pair_sorter *sorter, size_t i)
{
    const uint64_t *entry = sorter->sorted + i * entry_words(sorter);

    return sorter->block + offset_word(sorter, entry[sorter->key.words]);
}

/* Sorted pairs are anywhere in the block. Start loading the next ones, a group at a time:
 * processors overlap page walks only if they are requested close together. */
static void prefetch_pairs(const struct ikv_pair_sorter *sorter, size_t i)
{
    const size_t size = ikv_min(sorter->used / sorter->count, AHEAD_SIZE_MAX);

    if (i % AHEAD != 0)
        return;
    for (size_t next = i + AHEAD; next < i + 2 * (size_t)AHEAD && next < sorter->count; next++)
        for (size_t line = 0; line <= size; line += 64)
            IKV_PREFETCH(sorted_pair(sorter, next) + line);
}

static int spill(struct ikv_pair_sorter *sorter)
{
    struct run_writer writer = {.sorter = sorter, .fd = &sorter->fd, .end = &sorter->file_end};
    struct ikv_pair_run run = {.begin = sorter->file_end};
    struct ikv_sorted_pair pair;
    uint64_t words[IKV_KEY_WORDS_MAX];
    int code = 0;

    sort_in_memory(sorter);
    writer.buffer = malloc(WRITE_SIZE);
    if (!writer.buffer)
        return -ENOMEM;
    for (size_t i = 0; i < sorter->count && code == 0; i++) {
        const unsigned char *bytes = sorted_pair(sorter, i);
        prefetch_pairs(sorter, i);
        code = writer_put(&writer, bytes, ikv_pair_decode(&sorter->key, bytes, words, &pair));
    }
    if (code == 0)
        code = writer_flush(&writer);
    free(writer.buffer);
    run.end = sorter->file_end;
    if (code == 0)
        code = push_run(sorter, run);
    sorter->stats.runs++;
    sorter->used = sorter->count = 0;
    return code;
}

/* Whether there is room for one more pair of `size` bytes, with scratch for sorting. */
static bool has_room(const struct ikv_pair_sorter *sorter, size_t size)
{
    return ikv_round_up(sorter->used + size, 8) + 2 * entries_size(sorter, sorter->count + 1) <=
           sorter->block_size;
}

/* Enlarge the block, keeping the entries at its end; or spill if it has its maximum size. The last
 * step is to the maximum from a quarter of it, so what is used of the old and the new block fits
 * into that together. */
static int grow(struct ikv_pair_sorter *sorter)
{
    const uint64_t max_size = block_size_max(sorter);
    const size_t entries = entries_size(sorter, sorter->count);
    const size_t before = sorter->block_size;

    if (before == max_size)
        return spill(sorter);
    const size_t size =
        (size_t)(before > max_size / GROWTH / 2 ? max_size : GROWTH * (uint64_t)before);
    unsigned char *block = ikv_huge_alloc(size);
    if (!block)
        return -ENOMEM;
    memcpy(block, sorter->block, sorter->used);
    memcpy(block + size - entries, sorter->block + before - entries, entries);
    ikv_huge_free(sorter->block);
    sorter->block = block;
    sorter->block_size = size;
    return 0;
}

/* Add an entry for a pair of `size` bytes, and return memory for the pair. NULL: error in *code. */
static unsigned char *add(struct ikv_pair_sorter *sorter, const unsigned char *stored_key,
                          size_t size, int *code)
{
    while (!has_room(sorter, size)) {
        *code = grow(sorter);
        if (*code < 0)
            return NULL;
    }
    sorter->count++;
    uint64_t *entry = entries_of(sorter, sorter->count);
    ikv_key_load(&sorter->key, stored_key, entry);
    entry[sorter->key.words] = offset_word(sorter, sorter->used);
    unsigned char *bytes = sorter->block + sorter->used;
    sorter->used += size;
    sorter->stats.pairs++;
    return bytes;
}

int ikv_pair_sorter_add(struct ikv_pair_sorter *sorter, const unsigned char *stored_key,
                        const void *value, uint32_t size)
{
    int code = 0;

    if (size > IKV_PAIR_VALUE_MAX) {
        code = ikv_pair_sorter_add_long(sorter, stored_key, size);
        return code == 0 ? ikv_pair_sorter_append(sorter, value, size) : code;
    }
    unsigned char *bytes = add(sorter, stored_key, ikv_pair_size(&sorter->key, size), &code);
    if (!bytes)
        return code;
    ikv_pair_encode_head(&sorter->key, stored_key, size, bytes);
    if (size)
        memcpy(bytes + ikv_pair_head_size(&sorter->key), value, size);
    return 0;
}

int ikv_pair_sorter_add_long(struct ikv_pair_sorter *sorter, const unsigned char *stored_key,
                             uint32_t size)
{
    int code = 0;
    unsigned char *bytes = add(sorter, stored_key, ikv_pair_size(&sorter->key, size), &code);

    if (!bytes)
        return code;
    ikv_pair_encode_head(&sorter->key, stored_key, size, bytes);
    ikv_store64(bytes + ikv_pair_head_size(&sorter->key), sorter->spool_end);
    return 0;
}

int ikv_pair_sorter_append(struct ikv_pair_sorter *sorter, const void *bytes, size_t size)
{
    return append(sorter, &sorter->spool, &sorter->spool_end, bytes, size);
}

/* ---------------------------------------------------------------- merging */

struct pass {
    struct run_writer out;
    ikv_progress_fn progress;
    void *user;
    uint64_t done;
};

static int merge_group(struct ikv_pair_sorter *sorter, size_t begin, size_t count,
                       struct pass *pass)
{
    struct ikv_pair_merge *merge = NULL;
    struct ikv_sorted_pair pair;
    const unsigned char *bytes;

    int code = ikv_pair_merge_new(sorter->fd, sorter->runs + begin, count, &sorter->key,
                                  sorter->memory / 2, sorter->latest_first, &merge);
    while (code == 0) {
        code = ikv_pair_merge_next(merge, &pair, &bytes);
        if (code <= 0)
            break;
        code = writer_put(&pass->out, bytes, ikv_pair_size(&sorter->key, pair.size));
        if (code == 0 && pass->progress && ++pass->done % PROGRESS_EVERY == 0) {
            struct ikv_progress now = {"merge", pass->done, sorter->stats.pairs, "pairs"};
            if (pass->progress(pass->user, &now) != 0)
                code = IKV_E_CANCELED;
        }
    }
    ikv_pair_merge_free(merge);
    return code == 0 ? writer_flush(&pass->out) : code;
}

/* One pass: merge each group of `ways` consecutive runs into one run of a new file. */
static int merge_pass(struct ikv_pair_sorter *sorter, size_t ways, ikv_progress_fn progress,
                      void *user)
{
    int fd = -1;
    uint64_t end = 0;
    size_t groups = 0;
    struct pass pass = {
        .out = {.sorter = sorter, .fd = &fd, .end = &end}, .progress = progress, .user = user};
    int code = 0;

    pass.out.buffer = malloc(WRITE_SIZE);
    if (!pass.out.buffer)
        return -ENOMEM;
    for (size_t begin = 0; begin < sorter->run_count && code == 0; begin += ways) {
        struct ikv_pair_run merged = {.begin = end};
        code = merge_group(sorter, begin, (size_t)ikv_min(ways, sorter->run_count - begin), &pass);
        merged.end = end;
        sorter->runs[groups++] = merged;
    }
    free(pass.out.buffer);
    if (code < 0) {
        if (fd >= 0)
            (void)close(fd);
        return code;
    }
    (void)close(sorter->fd);
    sorter->fd = fd;
    sorter->run_count = groups;
    sorter->stats.passes++;
    return 0;
}

int ikv_pair_sorter_finish(struct ikv_pair_sorter *sorter, ikv_progress_fn progress, void *user)
{
    if (sorter->fd < 0) {
        sort_in_memory(sorter);
        return 0;
    }
    int code = sorter->count ? spill(sorter) : 0;
    ikv_huge_free(sorter->block); /* the merge uses the memory */
    sorter->block = NULL;
    const size_t ways = ikv_pair_merge_ways(sorter->memory / 2);
    while (code == 0 && sorter->run_count > ways)
        code = merge_pass(sorter, ways, progress, user);
    if (code < 0)
        return code;
    sorter->stats.passes++;
    /* A quarter is left for what consumes the pairs. */
    return ikv_pair_merge_new(sorter->fd, sorter->runs, sorter->run_count, &sorter->key,
                              sorter->memory / 4 * 3, sorter->latest_first, &sorter->merge);
}

int ikv_pair_sorter_next(struct ikv_pair_sorter *sorter, struct ikv_sorted_pair *ret)
{
    const unsigned char *bytes;

    if (sorter->merge)
        return ikv_pair_merge_next(sorter->merge, ret, &bytes);
    if (sorter->next == sorter->count)
        return 0;
    prefetch_pairs(sorter, sorter->next);
    (void)ikv_pair_decode(&sorter->key, sorted_pair(sorter, sorter->next++), sorter->words, ret);
    return 1;
}

int ikv_pair_sorter_read(struct ikv_pair_sorter *sorter, const struct ikv_sorted_pair *pair,
                         uint32_t offset, void *buf, size_t size)
{
    return ikv_pread_all(sorter->spool, buf, size, pair->spool_offset + offset, NULL);
}

void ikv_pair_sorter_stats(const struct ikv_pair_sorter *sorter, struct ikv_pair_sorter_stats *ret)
{
    *ret = sorter->stats;
}
