#include "arena.h"

#include "platform.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHUNK    ((size_t)1 << 14)
#define GREATEST_CHUNK ((size_t)1 << 22)

/* What will be handed out so many bytes from now is asked for, for small pieces. */
#define AHEAD      512
#define AHEAD_MOST 1024
#define LINE       64

struct ikv_arena_chunk {
    unsigned char *bytes;
    size_t size;
    size_t used;
};

void ikv_arena_free(struct ikv_arena *arena)
{
    for (size_t i = 0; i < arena->count; i++)
        free(arena->chunks[i].bytes);
    free(arena->chunks);
    memset(arena, 0, sizeof *arena);
}

void ikv_arena_reset(struct ikv_arena *arena)
{
    for (size_t i = 0; i < arena->count; i++)
        arena->chunks[i].used = 0;
    arena->current = 0;
    arena->allocated = 0;
}

/* Put a new chunk at the end; it is the only one that is sure to be empty and large enough. */
static int add_chunk(struct ikv_arena *arena, size_t size)
{
    size_t usual = FIRST_CHUNK;

    if (arena->count == arena->capacity) {
        size_t capacity = arena->capacity ? 2 * arena->capacity : 16;
        struct ikv_arena_chunk *chunks = realloc(arena->chunks, capacity * sizeof *chunks);
        if (!chunks)
            return -1;
        arena->chunks = chunks;
        arena->capacity = capacity;
    }
    for (size_t i = 0; i < arena->count && usual < GREATEST_CHUNK; i++)
        usual *= 2;
    if (size < usual)
        size = usual;
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return -1;
    arena->chunks[arena->count++] = (struct ikv_arena_chunk){bytes, size, 0};
    return 0;
}

/* Make the chunk behind the current one a waiting one with room for `size`. */
static int next_chunk(struct ikv_arena *arena, size_t size)
{
    size_t next = arena->count ? arena->current + 1 : 0;
    size_t found = next;

    while (found < arena->count && arena->chunks[found].size < size)
        found++;
    if (found == arena->count && add_chunk(arena, size) != 0)
        return -1;
    struct ikv_arena_chunk chunk = arena->chunks[found];
    arena->chunks[found] = arena->chunks[next];
    arena->chunks[next] = chunk;
    arena->current = next;
    return 0;
}

void *ikv_arena_alloc(struct ikv_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 7) & ~(size_t)7;
    if (size == 0)
        size = 8;
    if (arena->count == 0 ||
        arena->chunks[arena->current].size - arena->chunks[arena->current].used < size) {
        if (next_chunk(arena, size) != 0)
            return NULL;
    }
    struct ikv_arena_chunk *chunk = &arena->chunks[arena->current];
    void *bytes = chunk->bytes + chunk->used;
    if (size <= AHEAD_MOST) {
        const size_t end = chunk->used + AHEAD + size;
        for (size_t at = chunk->used + AHEAD; at < end && at < chunk->size; at += LINE)
            IKV_PREFETCH_WRITE(chunk->bytes + at);
    }
    chunk->used += size;
    arena->allocated += size;
    return bytes;
}
