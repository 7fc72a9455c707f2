/* Setting up a ring, step by step down to what the kernel has, and taking it down again. */
#ifndef IKV_URING_RING_H
#define IKV_URING_RING_H

#include "core/io/io.h"
#include "iouring/features.h"
#include "iouring/options.h"

#include <liburing.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel takes at most 1 GiB as one registered buffer. */
#define IKV_RING_BUFFER_BITS 30
#define IKV_RING_BUFFERS_MAX 64

struct ikv_ring {
    struct io_uring uring;
    unsigned features;  /* IKV_URING_* */
    unsigned refused;   /* IKV_URING_* that were asked for in vain */
    bool may_register;  /* buffers are not among these, nor registered yet */
    int buffers_code;   /* why there are no registered buffers; 0: there are, or none wanted */
    int files_code;     /* the same of files; set by the file table */
    uintptr_t memory;   /* what is registered, as buffers of 1 GiB, the last one shorter */
    size_t memory_size; /* 0: nothing is */
};

/* 0 or -errno; -EOPNOTSUPP: the kernel's io_uring is too old. */
int ikv_ring_open(struct ikv_ring *ring, const struct ikv_io_options *options,
                  const struct ikv_uring_options *uring);

/* Tell the kernel of memory that reads will go to. That it refuses is no error. Once. */
void ikv_ring_register_memory(struct ikv_ring *ring, void *memory, size_t size);

/* Give everything back to the kernel. Nothing is in flight. */
void ikv_ring_close(struct ikv_ring *ring);

/* In a child after fork: drop the copy, leave the parent's ring alone. */
void ikv_ring_abandon(struct ikv_ring *ring);

/* The registered buffer that [at, at + length) lies in; negative: none. */
static inline int ikv_ring_buffer(const struct ikv_ring *ring, const void *at, uint32_t length)
{
    uintptr_t offset = (uintptr_t)at - ring->memory; /* wraps to something large if below */

    if (offset >= ring->memory_size || length > ring->memory_size - offset)
        return -1;
    uintptr_t last = offset + (length ? length - 1 : 0);
    if (offset >> IKV_RING_BUFFER_BITS != last >> IKV_RING_BUFFER_BITS)
        return -1;
    return (int)(offset >> IKV_RING_BUFFER_BITS);
}

#endif
