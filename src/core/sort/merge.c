#include "core/sort/merge.h"

#include "core/io/file_io.h"
#include "core/key/key.h"

#include <errno.h>
#include <stdlib.h>

#define WAY_BUFFER_MIN ((uint64_t)1 << 17)
#define WAY_BUFFER_MAX ((uint64_t)1 << 22)
#define WAYS_MAX       1024

struct way {
    const uint64_t *head; /* NULL: end of the run */
    uint64_t *buffer;
    const uint64_t *end; /* of the entries in the buffer */
    uint64_t offset;     /* of the next read */
    uint64_t left;       /* entries not read yet */
};

struct ikv_merge {
    int fd;
    int code;
    uint32_t words;
    size_t ways;
    size_t buffer_entries;
    size_t winner;
    bool started;
    size_t *loser; /* loser[1..ways-1]: inner nodes of the tree; its leaves are the ways */
    struct way *way;
    uint64_t *buffers;
};

size_t ikv_merge_ways(uint64_t memory)
{
    uint64_t ways = memory / WAY_BUFFER_MIN;
    return (size_t)(ways < 2 ? 2 : ikv_min(ways, WAYS_MAX));
}

static void refill(struct ikv_merge *merge, struct way *way)
{
    size_t entries = (size_t)ikv_min(way->left, merge->buffer_entries);
    size_t size = entries * merge->words * sizeof(uint64_t);

    way->head = NULL;
    if (entries == 0)
        return;
    int code = ikv_pread_all(merge->fd, way->buffer, size, way->offset, NULL);
    if (code < 0) {
        merge->code = code;
        return;
    }
    way->head = way->buffer;
    way->end = way->buffer + entries * merge->words;
    way->offset += size;
    way->left -= entries;
}

static void advance(struct ikv_merge *merge, struct way *way)
{
    way->head += merge->words;
    if (way->head == way->end)
        refill(merge, way);
}

/* Whether way a comes before way b. Of equal entries, the earlier run's comes first. */
static bool precedes(const struct ikv_merge *merge, size_t a, size_t b)
{
    const uint64_t *head_a = merge->way[a].head;
    const uint64_t *head_b = merge->way[b].head;

    if (!head_a || !head_b)
        return head_a != NULL || (!head_b && a < b);
    int order = ikv_words_compare(head_a, head_b, merge->words);
    return order < 0 || (order == 0 && a < b);
}

/* Winner of the subtree at `node`; sets the losers in it. The recursion depth is log2(ways). */
static size_t play(struct ikv_merge *merge, size_t node)
{
    if (node >= merge->ways)
        return node - merge->ways;
    size_t left = play(merge, 2 * node);
    size_t right = play(merge, 2 * node + 1);
    bool left_wins = precedes(merge, left, right);
    merge->loser[node] = left_wins ? right : left;
    return left_wins ? left : right;
}

/* The winner's way has a new head: replay its matches up to the root. */
static void replay(struct ikv_merge *merge)
{
    size_t winner = merge->winner;

    for (size_t node = (winner + merge->ways) / 2; node > 0; node /= 2) {
        size_t other = merge->loser[node];
        if (precedes(merge, other, winner)) {
            merge->loser[node] = winner;
            winner = other;
        }
    }
    merge->winner = winner;
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
    merge->ways = count;
    merge->buffer_entries = (size_t)(share / (words * sizeof(uint64_t)));
    merge->loser = calloc(count, sizeof *merge->loser);
    merge->way = calloc(count, sizeof *merge->way);
    merge->buffers = malloc(count * merge->buffer_entries * words * sizeof(uint64_t));
    if (!merge->loser || !merge->way || !merge->buffers) {
        ikv_merge_free(merge);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        merge->way[i].buffer = merge->buffers + i * merge->buffer_entries * words;
        merge->way[i].offset = runs[i].offset;
        merge->way[i].left = runs[i].entries;
    }
    *ret = merge;
    return 0;
}

void ikv_merge_free(struct ikv_merge *merge)
{
    if (!merge)
        return;
    free(merge->loser);
    free(merge->way);
    free(merge->buffers);
    free(merge);
}

const uint64_t *ikv_merge_next(struct ikv_merge *merge, int *ret_code)
{
    if (IKV_LIKELY(merge->started)) {
        struct way *way = &merge->way[merge->winner];
        if (way->head) {
            advance(merge, way);
            replay(merge);
        }
    } else {
        merge->started = true;
        for (size_t i = 0; i < merge->ways; i++)
            refill(merge, &merge->way[i]);
        merge->winner = merge->ways == 1 ? 0 : play(merge, 1);
    }
    *ret_code = merge->code;
    return merge->code < 0 ? NULL : merge->way[merge->winner].head;
}
