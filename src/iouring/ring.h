/* Setting up a ring with the features that the kernel supports, and closing it. */
#ifndef IKV_URING_RING_H
#define IKV_URING_RING_H

#include "core/io/io.h"
#include "iouring/features.h"
#include "iouring/options.h"

#include <liburing.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A registered buffer has at most 1 GiB. */
#define IKV_RING_BUFFER_BITS 30
#define IKV_RING_BUFFERS_MAX 64

struct ikv_ring {
    struct io_uring uring;
    unsigned features;  /* IKV_URING_* */
    unsigned refused;   /* IKV_URING_* requested, but refused by the kernel */
    bool may_register;  /* buffers can be registered, which was not tried yet */
    int buffers_code;   /* why buffers are not registered; 0: they are, or were not requested */
    int files_code;     /* the same for files; set by the file table */
    uintptr_t memory;   /* registered memory, as buffers of 1 GiB, the last one shorter */
    size_t memory_size; /* 0: none */
};

/* 0 or -errno; -EOPNOTSUPP: the kernel's io_uring is too old. */
int ikv_ring_open(struct ikv_ring *ring, const struct ikv_io_options *options,
                  const struct ikv_uring_options *uring);

/* Register memory that reads go to. A refusal is not an error. Has an effect only once. */
void ikv_ring_register_memory(struct ikv_ring *ring, void *memory, size_t size);

/* Nothing may be in flight. */
void ikv_ring_close(struct ikv_ring *ring);

/* In a forked child: release its view of the ring without affecting the parent's. */
void ikv_ring_abandon(struct ikv_ring *ring);

/* Index of the registered buffer that contains [at, at + length); negative: none. */
static inline int ikv_ring_buffer(const struct ikv_ring *ring, const void *at, uint32_t length)
{
    uintptr_t offset = (uintptr_t)at - ring->memory; /* wraps to a large number if below */

    if (offset >= ring->memory_size || length > ring->memory_size - offset)
        return -1;
    uintptr_t last = offset + (length ? length - 1 : 0);
    if (offset >> IKV_RING_BUFFER_BITS != last >> IKV_RING_BUFFER_BITS)
        return -1;
    return (int)(offset >> IKV_RING_BUFFER_BITS);
}

#endif
