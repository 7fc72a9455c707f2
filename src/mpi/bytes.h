/* A growable buffer of bytes. Initialize with {0}. */
#ifndef IKV_MPI_BYTES_H
#define IKV_MPI_BYTES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    unsigned char *data;
    size_t size, capacity;
};

/* Ensure room for `size` bytes in all. Returns 0 or -ENOMEM; then the buffer is unchanged. */
static inline int ikv_bytes_reserve(struct bytes *bytes, size_t size)
{
    if (size <= bytes->capacity)
        return 0;
    size_t capacity = bytes->capacity < 4096 ? 4096 : bytes->capacity;
    if (size > SIZE_MAX / 2)
        return -ENOMEM;
    while (capacity < size)
        capacity += capacity / 2;
    unsigned char *data = realloc(bytes->data, capacity);
    if (data == NULL)
        return -ENOMEM;
    bytes->data = data;
    bytes->capacity = capacity;
    return 0;
}

/* There must be room. */
static inline void ikv_bytes_put(struct bytes *bytes, const void *from, size_t size)
{
    if (size > 0)
        memcpy(bytes->data + bytes->size, from, size);
    bytes->size += size;
}

static inline void ikv_bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

#endif
