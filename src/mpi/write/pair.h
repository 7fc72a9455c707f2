/*
 * A pair on its way to the rank that writes its shard:
 *
 *     | key | last key, of ranges | u32 size | value |
 *
 * A size of PAIR_END marks the end of what a rank has for a shard.
 */
#ifndef IKV_MPI_BUILD_PAIR_H
#define IKV_MPI_BUILD_PAIR_H

#include "mpi/bytes.h"

#include <stdbool.h>

#define PAIR_END UINT32_MAX

struct wire_pair {
    const unsigned char *key, *last, *value; /* last: NULL without ranges */
    uint32_t size;
    size_t bytes; /* of the encoded pair */
};

static inline size_t wire_head(size_t width, bool ranges)
{
    return width * (ranges ? 2 : 1) + sizeof(uint32_t);
}

/* There must be room. */
static inline void wire_encode(struct bytes *bytes, size_t width, const struct wire_pair *pair)
{
    ikv_bytes_put(bytes, pair->key, width);
    if (pair->last != NULL)
        ikv_bytes_put(bytes, pair->last, width);
    ikv_bytes_put(bytes, &pair->size, sizeof pair->size);
    if (pair->size != PAIR_END)
        ikv_bytes_put(bytes, pair->value, pair->size);
}

/* Decode what begins at `from`, where a whole pair is. */
static inline void wire_decode(const unsigned char *from, size_t width, bool ranges,
                               struct wire_pair *ret)
{
    const size_t head = wire_head(width, ranges);
    ret->key = from;
    ret->last = ranges ? from + width : NULL;
    memcpy(&ret->size, from + head - sizeof ret->size, sizeof ret->size);
    ret->value = from + head;
    ret->bytes = head + (ret->size == PAIR_END ? 0 : ret->size);
}

#endif
