#include "mpi/write/inbox.h"

int ikv_inbox_init(struct inbox *inbox, const struct build *build, size_t capacity)
{
    const size_t ranks = (size_t)build->nodes.ranks;
    *inbox = (struct inbox){.build = build,
                            .capacity = capacity,
                            .sources = calloc(ranks, sizeof *inbox->sources),
                            .heap = calloc(ranks, sizeof *inbox->heap)};
    return inbox->sources == NULL || inbox->heap == NULL ? -ENOMEM : 0;
}

void ikv_inbox_free(struct inbox *inbox)
{
    for (int i = 0; inbox->sources != NULL && i < inbox->build->nodes.ranks; i++)
        ikv_bytes_free(&inbox->sources[i].bytes);
    free(inbox->sources);
    free(inbox->heap);
    *inbox = (struct inbox){0};
}

void ikv_inbox_start(struct inbox *inbox)
{
    inbox->heap_size = 0;
    inbox->open = inbox->starved = inbox->build->nodes.ranks;
    for (int i = 0; i < inbox->open; i++) {
        struct source *source = &inbox->sources[i];
        source->used = source->bytes.size = source->head.bytes = 0;
        source->ended = false;
    }
}

size_t ikv_inbox_room(const struct inbox *inbox, int rank)
{
    const struct source *source = &inbox->sources[rank];
    const size_t held = source->bytes.size - source->used;
    return source->ended || held >= inbox->capacity ? 0 : inbox->capacity - held;
}

/* ---------------------------------------------------------------- the heap */

static bool is_less(const struct inbox *inbox, int a, int b)
{
    const int order = ikv_key_compare(inbox->build->writer.key_type, inbox->sources[a].head.key,
                                      inbox->sources[b].head.key);
    return order != 0 ? order < 0 : a < b;
}

static void swap(int *a, int *b)
{
    const int t = *a;
    *a = *b;
    *b = t;
}

static void push(struct inbox *inbox, int source)
{
    int at = inbox->heap_size++;
    int *heap = inbox->heap;
    heap[at] = source;
    for (; at > 0 && is_less(inbox, heap[at], heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
}

/* The first source has another pair. */
static void sift(struct inbox *inbox)
{
    int *heap = inbox->heap;
    for (int at = 0, child = 1; child < inbox->heap_size; at = child, child = 2 * at + 1) {
        if (child + 1 < inbox->heap_size && is_less(inbox, heap[child + 1], heap[child]))
            child++;
        if (!is_less(inbox, heap[child], heap[at]))
            return;
        swap(&heap[at], &heap[child]);
    }
}

static void pop(struct inbox *inbox)
{
    inbox->heap[0] = inbox->heap[--inbox->heap_size];
    sift(inbox);
}

/* ---------------------------------------------------------------- pairs */

/* Decode the next pair of a source. */
static void read_head(struct inbox *inbox, struct source *source)
{
    source->head.bytes = 0;
    if (source->used == source->bytes.size) {
        inbox->starved++;
        return;
    }
    wire_decode(source->bytes.data + source->used, inbox->build->width, inbox->build->has_ranges,
                &source->head);
    if (source->head.size == PAIR_END) {
        source->head.bytes = 0;
        source->ended = true;
        inbox->open--;
    }
}

int ikv_inbox_add(struct inbox *inbox, int rank, const unsigned char *data, size_t size)
{
    struct source *source = &inbox->sources[rank];
    struct bytes *bytes = &source->bytes;
    if (size == 0)
        return 0;
    const size_t held = bytes->size - source->used;
    if (source->used > 0 && held > 0)
        memmove(bytes->data, bytes->data + source->used, held);
    source->used = 0;
    bytes->size = held;
    if (ikv_bytes_reserve(bytes, held + size) != 0)
        return -ENOMEM;
    ikv_bytes_put(bytes, data, size);
    const bool waited = source->head.bytes == 0;
    if (!waited) { /* it moved; its place in the heap stays */
        wire_decode(bytes->data, inbox->build->width, inbox->build->has_ranges, &source->head);
        return 0;
    }
    inbox->starved--;
    read_head(inbox, source);
    if (source->head.bytes > 0)
        push(inbox, rank);
    return 0;
}

bool ikv_inbox_next(struct inbox *inbox, struct wire_pair *ret)
{
    if (inbox->starved > 0 || inbox->heap_size == 0)
        return false;
    struct source *source = &inbox->sources[inbox->heap[0]];
    *ret = source->head;
    source->used += source->head.bytes;
    read_head(inbox, source);
    if (source->head.bytes > 0)
        sift(inbox);
    else
        pop(inbox);
    return true;
}
