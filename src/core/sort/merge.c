#include "core/sort/merge.h"

#include "core/base/bytes.h"
#include "core/io/file_io.h"
#include "core/sort/loser_tree.h"

#include <errno.h>
#include <stdlib.h>

#define WAY_BUFFER_MIN ((uint64_t)1 << 17)
#define WAY_BUFFER_MAX ((uint64_t)1 << 22)
#define WAYS_MAX       1024

struct way {
    uint64_t *buffer;
    const uint64_t *end; /* of the entries in the buffer */
    uint64_t offset;     /* of the next read */
    uint64_t left;       /* entries not read yet */
};

struct ikv_merge {
    int fd;
    int code;
    uint32_t words;
    size_t buffer_entries;
    bool started;
    struct ikv_loser_tree tree;
    struct way *ways;
    uint64_t *buffers;
};

size_t ikv_merge_ways(uint64_t memory)
{
    uint64_t ways = memory / WAY_BUFFER_MIN;
    return (size_t)(ways < 2 ? 2 : ikv_min(ways, WAYS_MAX));
}

/* Fill a way's buffer and set its head; NULL: end of the run, or an error in merge->code. */
static void refill(struct ikv_merge *merge, size_t number)
{
    struct way *way = &merge->ways[number];
    size_t entries = (size_t)ikv_min(way->left, merge->buffer_entries);
    size_t size = entries * merge->words * sizeof(uint64_t);

    merge->tree.head[number] = NULL;
    if (entries == 0)
        return;
    int code = ikv_pread_all(merge->fd, way->buffer, size, way->offset, NULL);
    if (code < 0) {
        merge->code = code;
        return;
    }
    merge->tree.head[number] = way->buffer;
    way->end = way->buffer + entries * merge->words;
    way->offset += size;
    way->left -= entries;
}

static void advance(struct ikv_merge *merge, size_t number)
{
    merge->tree.head[number] += merge->words;
    if (merge->tree.head[number] == merge->ways[number].end)
        refill(merge, number);
}

int ikv_merge_new(int fd, const struct ikv_sorted_run *runs, size_t count, uint32_t words,
                  uint64_t memory, struct ikv_merge **ret)
{
    uint64_t share = ikv_min(ikv_max(memory / count, WAY_BUFFER_MIN), WAY_BUFFER_MAX);
    struct ikv_merge *merge = calloc(1, sizeof *merge);

    if (!merge)
        return -ENOMEM;
    merge->fd = fd;
    merge->words = words;
    merge->buffer_entries = (size_t)(share / (words * sizeof(uint64_t)));
    merge->ways = calloc(count, sizeof *merge->ways);
    merge->buffers = malloc(count * merge->buffer_entries * words * sizeof(uint64_t));
    int code = ikv_loser_tree_init(&merge->tree, count, words, false);
    if (code < 0 || !merge->ways || !merge->buffers) {
        ikv_merge_free(merge);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        merge->ways[i].buffer = merge->buffers + i * merge->buffer_entries * words;
        merge->ways[i].offset = runs[i].offset;
        merge->ways[i].left = runs[i].entries;
    }
    *ret = merge;
    return 0;
}

void ikv_merge_free(struct ikv_merge *merge)
{
    if (!merge)
        return;
    ikv_loser_tree_free(&merge->tree);
    free(merge->ways);
    free(merge->buffers);
    free(merge);
}

const uint64_t *ikv_merge_next(struct ikv_merge *merge, int *ret_code)
{
    struct ikv_loser_tree *tree = &merge->tree;

    if (IKV_LIKELY(merge->started)) {
        if (tree->head[tree->winner]) {
            advance(merge, tree->winner);
            ikv_loser_tree_replay(tree);
        }
    } else {
        merge->started = true;
        for (size_t i = 0; i < tree->ways; i++)
            refill(merge, i);
        ikv_loser_tree_play(tree);
    }
    *ret_code = merge->code;
    return merge->code < 0 ? NULL : tree->head[tree->winner];
}
