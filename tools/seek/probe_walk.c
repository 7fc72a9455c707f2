#include "seek/probe_walk.h"

#include <stdlib.h>

uint32_t probe_read_size(uint32_t bytes, uint32_t sector)
{
    return (bytes + sector - 1) / sector * sector;
}

static uint64_t index_size(const struct disk_area *area)
{
    return area->length / 8 / PROBE_PAGE * PROBE_PAGE;
}

bool probe_walk_init(struct probe_walk *walk, enum probe_way way, struct disk_area area,
                     uint32_t sector, size_t max_keys)
{
    *walk = (struct probe_walk){.way = way, .area = area, .sector = sector};
    walk->entries = index_size(&area) / PROBE_ENTRY;
    walk->keys = malloc(max_keys * sizeof *walk->keys);
    walk->offsets = malloc(max_keys * sizeof *walk->offsets);
    walk->chunks = malloc(max_keys * sizeof *walk->chunks);
    walk->next_chunks = malloc(max_keys * sizeof *walk->next_chunks);
    if (walk->keys && walk->offsets && walk->chunks && walk->next_chunks)
        return true;
    probe_walk_free(walk);
    return false;
}

void probe_walk_free(struct probe_walk *walk)
{
    free(walk->keys);
    free(walk->offsets);
    free(walk->chunks);
    free(walk->next_chunks);
    *walk = (struct probe_walk){0};
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The number of entries, or of keys in a leaf, that one probe reads. */
static uint64_t unit(const struct probe_walk *walk)
{
    switch (walk->way) {
    case PROBE_ENTRIES:
        return 1;
    case PROBE_LEAVES:
        return PROBE_LEAF_RECORDS;
    default:
        return PROBE_PAGE / PROBE_ENTRY;
    }
}

/* By fences, the page or leaf of every key is known: chunks of one page. */
static void begin_with_fences(struct probe_walk *walk)
{
    const uint64_t per_page = unit(walk);
    for (size_t i = 0; i < walk->count; i++) {
        const uint64_t page = walk->keys[i] / per_page;
        struct probe_chunk *last = walk->chunks + walk->chunk_count - (walk->chunk_count > 0);
        if (walk->chunk_count > 0 && last->low == page)
            last->keys++;
        else
            walk->chunks[walk->chunk_count++] = (struct probe_chunk){i, 1, page, page + 1};
    }
}

void probe_walk_begin(struct probe_walk *walk, size_t count, uint64_t seed)
{
    walk->state = seed;
    walk->count = count;
    for (size_t i = 0; i < count; i++)
        walk->keys[i] = disk_random(&walk->state) % walk->entries;
    qsort(walk->keys, count, sizeof *walk->keys, compare_keys);
    walk->records_done = walk->way == PROBE_LEAVES;
    walk->chunk_count = 0;
    if (walk->way == PROBE_FENCES || walk->way == PROBE_LEAVES)
        begin_with_fences(walk);
    else if (walk->way != PROBE_MEMORY)
        walk->chunks[walk->chunk_count++] =
            (struct probe_chunk){0, count, 0, walk->entries / unit(walk)};
}

/* The first key of the chunk that is at least `entry`. */
static size_t lower_bound(const struct probe_walk *walk, const struct probe_chunk *chunk,
                          uint64_t entry)
{
    size_t low = chunk->first_key, high = chunk->first_key + chunk->keys;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (walk->keys[middle] < entry)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_chunk(struct probe_walk *walk, size_t *count, struct probe_chunk chunk)
{
    if (chunk.keys > 0)
        walk->next_chunks[(*count)++] = chunk;
}

/* Probe the middle of every chunk: keys in the unit read are found, the others remain in the chunks
 * left and right of it. Chunks have at least one key each, so there are never more than keys. */
static void probe_chunks(struct probe_walk *walk)
{
    const uint64_t entries = unit(walk);
    const uint32_t size = walk->way == PROBE_ENTRIES ? PROBE_ENTRY : PROBE_PAGE;
    size_t count = 0;
    walk->length = probe_read_size(size, walk->sector);
    walk->offset_count = 0;
    for (size_t i = 0; i < walk->chunk_count; i++) {
        const struct probe_chunk *chunk = &walk->chunks[i];
        const uint64_t middle = chunk->low + (chunk->high - chunk->low) / 2;
        const uint64_t at = middle * size;
        const size_t left = lower_bound(walk, chunk, middle * entries);
        const size_t right = lower_bound(walk, chunk, (middle + 1) * entries);
        walk->offsets[walk->offset_count++] = walk->area.start + at / walk->sector * walk->sector;
        add_chunk(
            walk, &count,
            (struct probe_chunk){chunk->first_key, left - chunk->first_key, chunk->low, middle});
        add_chunk(walk, &count,
                  (struct probe_chunk){right, chunk->first_key + chunk->keys - right, middle + 1,
                                       chunk->high});
    }
    struct probe_chunk *chunks = walk->chunks;
    walk->chunks = walk->next_chunks;
    walk->next_chunks = chunks;
    walk->chunk_count = count;
}

/* The record of each key, sorted by offset. A key's record is always at the same offset. */
static void list_records(struct probe_walk *walk)
{
    const uint64_t start = walk->area.start + index_size(&walk->area);
    const uint64_t end = walk->area.start + walk->area.length;
    walk->length = probe_read_size(PROBE_RECORD, walk->sector);
    const uint64_t places = (end - start) / walk->length;
    walk->offset_count = 0;
    for (size_t i = 0; i < walk->count; i++) {
        uint64_t key = walk->keys[i];
        walk->offsets[walk->offset_count++] =
            (start + walk->sector - 1) / walk->sector * walk->sector +
            disk_random(&key) % (places - 1) * walk->length;
    }
    qsort(walk->offsets, walk->offset_count, sizeof *walk->offsets, compare_keys);
    walk->records_done = true;
}

bool probe_walk_level(struct probe_walk *walk)
{
    if (walk->chunk_count > 0)
        probe_chunks(walk);
    else if (!walk->records_done)
        list_records(walk);
    else
        return false;
    return true;
}
