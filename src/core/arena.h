/* Memory for the values of a result: allocated in order, all given back at once, kept for reuse. */
#ifndef IKV_ARENA_H
#define IKV_ARENA_H

#include <stddef.h>

struct ikv_arena_chunk;

struct ikv_arena {
    struct ikv_arena_chunk *chunks; /* chunks[0..current] are in use, the others wait */
    size_t count;
    size_t capacity;
    size_t current;
    size_t allocated; /* bytes, since the last reset */
};

void ikv_arena_free(struct ikv_arena *arena);
/* Everything allocated is void; the memory stays. */
void ikv_arena_reset(struct ikv_arena *arena);
/* `size` bytes aligned to 8, never NULL for size 0; NULL: no memory. */
void *ikv_arena_alloc(struct ikv_arena *arena, size_t size);

#endif
