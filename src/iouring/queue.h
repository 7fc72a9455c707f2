/*
 * Inside the uring backend: what becomes of a request between submit and reap.
 *
 *      submit                                                            reap
 *        |                                                                ^
 *        v           fill                      take                       |
 *     pending ----------------> in the ring -----------------> ready -----+
 *        ^                          |                            ^
 *        +--------------------------+                            |
 *          short read, EAGAIN, ...  |     no kernel to be had    |
 *                                   +----------------------------+
 *
 * A request under way is an operation. Pending ones wait for room in the submission queue, or to be
 * tried again; ready ones are finished and wait to be handed out. An operation in the ring is
 * either in the submission queue still (prepared) or in the kernel. At most `window` are in the
 * ring, so that their completions fit into the completion queue.
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
    uint32_t done;       /* bytes read; with O_DIRECT a multiple of the request's alignment */
    uint32_t next;       /* in the list it is on */
    uint32_t generation; /* told apart from earlier uses by completions that come too late */
    int16_t slot;        /* in the file table, or IKV_NO_SLOT */
    uint8_t fruitless;   /* tries since bytes came */
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
    void *memory; /* to be registered after so many requests more; size 0: not, or no more */
    size_t memory_size;
    uint32_t register_after;
    struct ikv_process process; /* that the ring belongs to, and the thread */
    uint64_t thread;
    uint64_t system_calls;
    unsigned depth;
    unsigned window;
    unsigned batch;    /* prepared operations that are worth a system call */
    unsigned in_ring;  /* operations in that state */
    unsigned stalls;   /* failures of the kernel's in a row, no completion in between */
    bool closing;      /* nothing is tried again */
    bool draining;     /* completions were lost: find out whose */
    bool drain_queued; /* the marker is in the ring */
    uint32_t drains;   /* markers so far: an older one means nothing */
    unsigned lost;     /* completions that the kernel had dropped when we looked last */
    int broken;        /* a code: the ring is of no use any more; 0: it is */
    struct ikv_op_list free;
    struct ikv_op_list pending;
    struct ikv_op_list ready;
    struct ikv_op ops[]; /* `depth` */
};

/*
 * What a completion is told by: the operation's number and generation; IKV_NO_OP and the count of
 * drains for the marker that ends one.
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

/* The list is not empty. */
static inline uint32_t ikv_op_pop(struct ikv_io *io, struct ikv_op_list *list)
{
    uint32_t number = list->head;

    list->head = io->ops[number].next;
    list->count--;
    return number;
}

/* Finished: to be handed out with this code. */
void ikv_op_finish(struct ikv_io *io, uint32_t number, int code);
/* To be tried. */
void ikv_op_queue(struct ikv_io *io, uint32_t number);
/* Nothing came of a try: to be tried again, or finished with `code` if it was tried too often. */
void ikv_op_put_off(struct ikv_io *io, uint32_t number, int code);

/* Prepare pending operations as far as there is room. */
void ikv_queue_fill(struct ikv_io *io);
/* Take completions that are there, until one finishes an operation. No system call. */
void ikv_queue_take(struct ikv_io *io);
/* Hand over what is prepared and wait for completions. 0 or the kernel's -errno. */
int ikv_queue_wait(struct ikv_io *io);
/* Operations that the kernel has. */
unsigned ikv_queue_in_kernel(const struct ikv_io *io);
/* Find out which operations lost their completions before anything else is handed over. */
void ikv_queue_drain(struct ikv_io *io);

/* Sleep, the longer the more failures there were. */
void ikv_queue_pause(unsigned failures);

#endif
