/*
 * Inside the HTTP backend: operations (reads that were submitted) wait in `pending` until a slot is
 * free. A slot executes one range request, for one operation or several neighbours, in one attempt
 * or several.
 */
#ifndef IKV_HTTP_SLOT_H
#define IKV_HTTP_SLOT_H

#include "core/io/io.h"
#include "http/transfer.h"

#define IKV_HTTP_NO_OPERATION UINT32_MAX

struct ikv_http_operation {
    struct ikv_io_request *request;
    uint64_t offset; /* in the object */
    uint32_t next;   /* of the same transfer */
};

enum ikv_http_slot_state { IKV_HTTP_SLOT_FREE, IKV_HTTP_SLOT_RUNNING, IKV_HTTP_SLOT_PAUSED };

struct ikv_http_slot {
    struct ikv_http_transfer transfer;
    struct ikv_http_io *io;
    enum ikv_http_slot_state state;
    uint32_t first; /* operation; they are in order of their offsets */
    unsigned attempt;
    uint64_t resume_at;
    struct ikv_http_piece *piece; /* for the cache; NULL: none yet */
};

struct ikv_http_io {
    struct ikv_curl curl;
    CURLM *multi;
    struct ikv_process process;
    uint64_t random;
    uint64_t requests; /* sent so far */
    uint64_t watch_at; /* on ikv_clock: when ikv_http_watch will have something to do */
    unsigned depth;
    unsigned slot_count; /* requests at a time */
    unsigned busy;       /* slots not IKV_HTTP_SLOT_FREE */
    struct ikv_http_slot *slots;
    uint32_t *free; /* stack of operations */
    unsigned free_count;
    uint32_t *pending; /* operations that no slot has yet */
    unsigned pending_count;
    struct ikv_io_request **ready; /* circular queue */
    unsigned ready_head;
    unsigned ready_count;
    struct ikv_http_operation *ops; /* `depth` */
};

/* ---------------------------------------------------------------- plan.c */

/* Give pending operations to free slots, neighbours to the same one, and start these. */
void ikv_http_start_pending(struct ikv_http_io *io);

/* ---------------------------------------------------------------- slot.c */

static inline bool ikv_http_is_canceled(const struct ikv_http_io *io, uint32_t op)
{
    const atomic_bool *canceled = io->ops[op].request->canceled;

    return canceled && atomic_load_explicit(canceled, memory_order_relaxed);
}

/* The operation is finished, and not in `pending` or a slot any more. */
void ikv_http_finish(struct ikv_http_io *io, uint32_t op, int code);
/* Finish all operations of the slot, which is free then. */
void ikv_http_finish_all(struct ikv_http_slot *slot, int code);
/* Send the slot's request. */
void ikv_http_start(struct ikv_http_slot *slot);
/* Of a transfer; `user` is its slot. */
void ikv_http_take(void *user, uint64_t offset, const unsigned char *bytes, size_t size);
/* Take the requests that have ended: finish them, or repeat them. */
void ikv_http_collect(struct ikv_http_io *io);
/* What is due: canceled requests, attempts after their pause, requests without progress. Returns
 * how long nothing else will be, in milliseconds. */
int ikv_http_watch(struct ikv_http_io *io);

#endif
