#include "core/sort/pair_merge.h"

#include "core/io/file_io.h"
#include "core/sort/loser_tree.h"

#include <errno.h>
#include <stdlib.h>

/* A buffer must hold the largest pair. */
#define WAY_BUFFER_MIN ((uint64_t)IKV_PAIR_VALUE_MAX + IKV_KEY_WIDTH_MAX + 8)
#define WAY_BUFFER     ((uint64_t)1 << 18)
#define WAY_BUFFER_MAX ((uint64_t)1 << 22)
#define WAYS_MAX       1024

struct way {
    unsigned char *buffer;
    size_t at; /* buffer[at..filled) was read and is not consumed yet */
    size_t filled;
    size_t size;     /* of the pair at `at` */
    uint64_t offset; /* of the next read */
    uint64_t end;
};

struct ikv_pair_merge {
    int fd;
    bool started;
    struct ikv_key_info key;
    size_t buffer_size;
    struct ikv_loser_tree tree;
    struct way *ways;
    struct ikv_sorted_pair *pairs; /* the head of each way */
    uint64_t *words;
    unsigned char *buffers;
};

size_t ikv_pair_merge_ways(uint64_t memory)
{
    const uint64_t ways = memory / WAY_BUFFER;
    return (size_t)(ways < 2 ? 2 : ikv_min(ways, WAYS_MAX));
}

int ikv_pair_merge_new(int fd, const struct ikv_pair_run *runs, size_t count,
                       const struct ikv_key_info *key, uint64_t memory, bool later_first,
                       struct ikv_pair_merge **ret)
{
    const uint64_t share = ikv_min(ikv_max(memory / count, WAY_BUFFER_MIN), WAY_BUFFER_MAX);
    struct ikv_pair_merge *merge = calloc(1, sizeof *merge);

    if (!merge)
        return -ENOMEM;
    merge->fd = fd;
    merge->key = *key;
    merge->buffer_size = (size_t)share;
    merge->ways = calloc(count, sizeof *merge->ways);
    merge->pairs = calloc(count, sizeof *merge->pairs);
    merge->words = malloc(count * key->words * sizeof *merge->words);
    merge->buffers = malloc(count * merge->buffer_size);
    int code = ikv_loser_tree_init(&merge->tree, count, key->words, later_first);
    if (code < 0 || !merge->ways || !merge->pairs || !merge->words || !merge->buffers) {
        ikv_pair_merge_free(merge);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        merge->ways[i].buffer = merge->buffers + i * merge->buffer_size;
        merge->ways[i].offset = runs[i].begin;
        merge->ways[i].end = runs[i].end;
    }
    *ret = merge;
    return 0;
}

void ikv_pair_merge_free(struct ikv_pair_merge *merge)
{
    if (!merge)
        return;
    ikv_loser_tree_free(&merge->tree);
    free(merge->ways);
    free(merge->pairs);
    free(merge->words);
    free(merge->buffers);
    free(merge);
}

/* Append to what is left in the buffer. */
static int refill(struct ikv_pair_merge *merge, struct way *way)
{
    const size_t left = way->filled - way->at;
    const size_t more = (size_t)ikv_min(merge->buffer_size - left, way->end - way->offset);

    memmove(way->buffer, way->buffer + way->at, left);
    int code = ikv_pread_all(merge->fd, way->buffer + left, more, way->offset, NULL);
    if (code < 0)
        return code;
    way->at = 0;
    way->filled = left + more;
    way->offset += more;
    return 0;
}

/* Whether all of the next pair is in the buffer. */
static bool is_whole(const struct ikv_pair_merge *merge, const struct way *way)
{
    const uint32_t head = ikv_pair_head_size(&merge->key);
    const size_t left = way->filled - way->at;

    return left >= head &&
           left >= ikv_pair_size(&merge->key, ikv_load32(way->buffer + way->at + merge->key.width));
}

static int load_head(struct ikv_pair_merge *merge, size_t number)
{
    struct way *way = &merge->ways[number];
    uint64_t *words = merge->words + number * merge->key.words;
    int code = 0;

    merge->tree.head[number] = NULL;
    if (!is_whole(merge, way) && way->offset < way->end)
        code = refill(merge, way);
    if (code < 0 || way->at == way->filled)
        return code;
    if (!is_whole(merge, way))
        return -EIO; /* the temporary file was changed */
    way->size = ikv_pair_decode(&merge->key, way->buffer + way->at, words, &merge->pairs[number]);
    merge->tree.head[number] = words;
    return 0;
}

static int start(struct ikv_pair_merge *merge)
{
    merge->started = true;
    for (size_t i = 0; i < merge->tree.ways; i++) {
        int code = load_head(merge, i);
        if (code < 0)
            return code;
    }
    ikv_loser_tree_play(&merge->tree);
    return 0;
}

int ikv_pair_merge_next(struct ikv_pair_merge *merge, struct ikv_sorted_pair *ret,
                        const unsigned char **ret_bytes)
{
    int code = 0;

    if (!merge->started) {
        code = start(merge);
    } else if (merge->tree.head[merge->tree.winner]) {
        struct way *way = &merge->ways[merge->tree.winner];
        way->at += way->size;
        code = load_head(merge, merge->tree.winner);
        ikv_loser_tree_replay(&merge->tree);
    }
    if (code < 0)
        return code;
    const size_t winner = merge->tree.winner;
    if (!merge->tree.head[winner])
        return 0;
    *ret = merge->pairs[winner];
    *ret_bytes = merge->ways[winner].buffer + merge->ways[winner].at;
    return 1;
}
