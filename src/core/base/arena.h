/* Memory for the values of a result: allocated in order, freed all at once, kept for reuse. */
#ifndef IKV_ARENA_H
#define IKV_ARENA_H

#include "core/platform/platform.h"

#include <stddef.h>

struct ikv_arena_chunk;

struct ikv_arena {
    struct ikv_arena_chunk *chunks; /* chunks[0..current] are in use, the others are free */
    size_t count;
    size_t capacity;
    size_t current;
    unsigned char *next; /* free memory of the current chunk; its size is a multiple of 8 bytes */
    unsigned char *end;
    size_t allocated; /* bytes, since the last reset */
};

void ikv_arena_free(struct ikv_arena *arena);
/* Invalidate everything allocated; keep the memory. */
void ikv_arena_reset(struct ikv_arena *arena);
/* Move on to a chunk with room for `size` bytes. -1: out of memory. */
int ikv_arena_next_chunk(struct ikv_arena *arena, size_t size);

/* Small allocations prefetch the memory this many bytes ahead, which later ones will return. */
#define IKV_ARENA_AHEAD     ((size_t)512)
#define IKV_ARENA_AHEAD_MAX 128 /* greatest size of a small allocation */

/* `size` bytes aligned to 8, also for size 0. NULL: out of memory. */
static inline void *ikv_arena_alloc(struct ikv_arena *arena, size_t size)
{
    size_t left = (size_t)(arena->end - arena->next);

    if (IKV_UNLIKELY(size > left || left == 0)) {
        if (ikv_arena_next_chunk(arena, size) != 0)
            return NULL;
        left = (size_t)(arena->end - arena->next);
    }
    unsigned char *bytes = arena->next;
    const size_t whole = size ? (size + 7) & ~(size_t)7 : 8;
    if (whole <= IKV_ARENA_AHEAD_MAX && left > 2 * IKV_ARENA_AHEAD) {
        IKV_PREFETCH_WRITE(bytes + IKV_ARENA_AHEAD);
        IKV_PREFETCH_WRITE(bytes + IKV_ARENA_AHEAD + 64);
    }
    arena->next = bytes + whole;
    arena->allocated += whole;
    return bytes;
}

#endif
