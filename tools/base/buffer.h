/* A growable byte buffer. Initialize with {0}. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buffer {
    char *data;
    size_t size, capacity;
};

/* Ensure room for `more` bytes after `size`. false: out of memory, the buffer is unchanged. */
bool buffer_reserve(struct buffer *buffer, size_t more);

static inline bool buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size > buffer->capacity - buffer->size && !buffer_reserve(buffer, size))
        return false;
    if (size > 0)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return true;
}

void buffer_free(struct buffer *buffer);

#endif
