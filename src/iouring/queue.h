/*
 * Inside the uring backend: the states of a request between submit and reap.
 *
 *      submit                                                            reap
 *        |                                                                ^
 *        v           fill                      take                       |
 *     pending ----------------> in the ring -----------------> ready -----+
 *        ^                          |                            ^
 *        +--------------------------+                            |
 *          short read, EAGAIN, ...  |       ring is broken       |
 *                                   +----------------------------+
 *
 * A request in progress is an operation. Pending operations wait for room in the submission queue,
 * or to be retried; ready ones are finished and wait to be returned. An operation in the ring is
 * either prepared (in the submission queue) or in the kernel. At most `window` operations are in
 * the ring, so that their completions fit into the completion queue.
 */
#ifndef IKV_URING_QUEUE_H
#define IKV_URING_QUEUE_H

#include "core/base/thread.h"
#include "core/io/io.h"
#include "iouring/file_table.h"
#include "iouring/ring.h"

#include <stdbool.h>
#include <stdint.h>

#define IKV_NO_OP UINT32_MAX

enum ikv_op_state { IKV_OP_FREE, IKV_OP_PENDING, IKV_OP_IN_RING, IKV_OP_READY };

struct ikv_op {
    struct ikv_io_request *request;
    uint32_t done;       /* bytes read; with O_DIRECT a multiple of the file's alignment */
    uint32_t next;       /* in the list it is on */
    uint32_t generation; /* identifies late completions of earlier uses */
    int16_t slot;        /* in the file table, or IKV_NO_SLOT */
    uint8_t fruitless;   /* tries since the last progress */
    uint8_t state;       /* enum ikv_op_state */
};

struct ikv_op_list {
    uint32_t head;
    uint32_t tail;
    uint32_t count;
};

struct ikv_io {
    struct ikv_ring ring;
    struct ikv_file_table files;
    void *memory; /* to register after `register_after` more requests; size 0: nothing */
    size_t memory_size;
    uint32_t register_after;
    struct ikv_process process; /* owner of the ring */
    uint64_t thread;            /* the same */
    uint64_t system_calls;
    unsigned depth;
    unsigned window;
    unsigned batch;    /* prepared operations that justify a system call */
    unsigned in_ring;  /* operations in that state */
    unsigned stalls;   /* consecutive failures of the kernel without a completion */
    bool closing;      /* nothing is retried */
    bool draining;     /* completions were lost: determine whose */
    bool drain_queued; /* the marker is in the ring */
    uint32_t drains;   /* markers so far: older ones are ignored */
    unsigned lost;     /* the kernel's count of dropped completions when last checked */
    int broken;        /* negative code: the ring is unusable; 0: usable */
    struct ikv_op_list free;
    struct ikv_op_list pending;
    struct ikv_op_list ready;
    struct ikv_op ops[]; /* `depth` */
};

/*
 * Identifies a completion: number and generation of the operation, or, for a drain marker,
 * IKV_NO_OP and the count of drains.
 */
static inline uint64_t ikv_user_data(uint32_t number, uint32_t generation)
{
    return (uint64_t)generation << 32 | number;
}

static inline void ikv_op_push(struct ikv_io *io, struct ikv_op_list *list, uint32_t number)
{
    io->ops[number].next = IKV_NO_OP;
    if (list->count++ == 0)
        list->head = number;
    else
        io->ops[list->tail].next = number;
    list->tail = number;
}

/* The list must not be empty. */
static inline uint32_t ikv_op_pop(struct ikv_io *io, struct ikv_op_list *list)
{
    uint32_t number = list->head;

    list->head = io->ops[number].next;
    list->count--;
    return number;
}

/* Finish an operation: it is ready, with this code. */
void ikv_op_finish(struct ikv_io *io, uint32_t number, int code);
/* Make an operation pending. */
void ikv_op_queue(struct ikv_io *io, uint32_t number);
/* A try made no progress: retry the operation, or finish it with `code` after too many tries. */
void ikv_op_retry(struct ikv_io *io, uint32_t number, int code);

/* Prepare pending operations while there is room. */
void ikv_queue_fill(struct ikv_io *io);
/* Process available completions until one finishes an operation. No system call. */
void ikv_queue_take(struct ikv_io *io);
/* Submit the prepared operations and wait for completions. 0 or the kernel's -errno. */
int ikv_queue_wait(struct ikv_io *io);
/* Number of operations in the kernel. */
unsigned ikv_queue_in_kernel(const struct ikv_io *io);
/* Before submitting anything else, determine which operations have lost their completions. */
void ikv_queue_drain(struct ikv_io *io);

/* Sleep, longer after more failures. */
void ikv_queue_pause(unsigned failures);

#endif
