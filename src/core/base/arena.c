#include "core/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN ((size_t)1 << 14)
#define CHUNK_MAX ((size_t)1 << 22)

struct ikv_arena_chunk {
    unsigned char *bytes;
    size_t size; /* a multiple of 8 */
};

void ikv_arena_free(struct ikv_arena *arena)
{
    for (size_t i = 0; i < arena->count; i++)
        free(arena->chunks[i].bytes);
    free(arena->chunks);
    memset(arena, 0, sizeof *arena);
}

static void use_chunk(struct ikv_arena *arena, size_t i)
{
    arena->current = i;
    arena->next = arena->chunks[i].bytes;
    arena->end = arena->next + arena->chunks[i].size;
}

void ikv_arena_reset(struct ikv_arena *arena)
{
    if (arena->count > 0)
        use_chunk(arena, 0);
    arena->allocated = 0;
}

/* Append a chunk of at least `size` bytes. Chunks double in size up to CHUNK_MAX. */
static int add_chunk(struct ikv_arena *arena, size_t size)
{
    size_t chunk_size = CHUNK_MIN;

    if (arena->count == arena->capacity) {
        size_t capacity = arena->capacity ? 2 * arena->capacity : 16;
        struct ikv_arena_chunk *chunks = realloc(arena->chunks, capacity * sizeof *chunks);
        if (!chunks)
            return -1;
        arena->chunks = chunks;
        arena->capacity = capacity;
    }
    for (size_t i = 0; i < arena->count && chunk_size < CHUNK_MAX; i++)
        chunk_size *= 2;
    if (chunk_size < size)
        chunk_size = size;
    unsigned char *bytes = malloc(chunk_size);
    if (!bytes)
        return -1;
    arena->chunks[arena->count++] = (struct ikv_arena_chunk){bytes, chunk_size};
    return 0;
}

int ikv_arena_next_chunk(struct ikv_arena *arena, size_t size)
{
    const size_t next = arena->count ? arena->current + 1 : 0;
    size_t found = next;

    if (size > SIZE_MAX / 2)
        return -1;
    size = size ? (size + 7) & ~(size_t)7 : 8;
    while (found < arena->count && arena->chunks[found].size < size)
        found++;
    if (found == arena->count && add_chunk(arena, size) != 0)
        return -1;
    /* Swap it to the front of the free ones. */
    const struct ikv_arena_chunk chunk = arena->chunks[found];
    arena->chunks[found] = arena->chunks[next];
    arena->chunks[next] = chunk;
    use_chunk(arena, next);
    return 0;
}
